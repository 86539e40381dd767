"""State dicts written in every container that libgradcam reads. CONTAINERS is the table: name to function(path, state)."""
import io
import json
import pickle
import struct
import tarfile

import torch

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGE = {torch.float32: ("FloatStorage", "FloatTensor", "<f4"), torch.int64: ("LongStorage", "LongTensor", "<i8")}
ORDERED_DICT = b"ccollections\nOrderedDict\n"


def write_zip(path, state):
    torch.save(state, path)


def write_stream(path, state):
    torch.save(state, path, _use_new_zipfile_serialization=False)


def write_double(path, state):
    torch.save({name: t.double() if t.is_floating_point() else t for name, t in state.items()}, path)


def write_nested(path, state):
    """As training scripts save: a dict in a dict, names with the prefix of DataParallel."""
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": t for name, t in state.items()}}, path)


def _integer(i):
    if 0 <= i < 256:
        return b"K" + bytes([i])
    return b"M" + struct.pack("<H", i) if 0 <= i < 65536 else b"J" + struct.pack("<i", i)


def _text(s):
    return b"X" + struct.pack("<I", len(s.encode())) + s.encode()


def _tuple(parts):
    return b"(" + b"".join(parts) + b"t"


def _system():
    sizes = dict(short=2, int=4, long=8)
    return pickle.dumps(dict(protocol_version=PROTOCOL, little_endian=True, type_sizes=sizes), 2)


def _raw(tensor):
    return tensor.detach().contiguous().numpy().astype(STORAGE[tensor.dtype][2]).tobytes()


def write_old_stream(path, state):
    """As PyTorch 0.1 wrote it: tensors made by _rebuild_tensor with four arguments."""
    body, keys = b"\x80\x02" + ORDERED_DICT + b")R(", []
    for i, (name, t) in enumerate(state.items()):
        keys.append(str(100000000 + i))
        storage = _tuple([_text("storage"), f"ctorch\n{STORAGE[t.dtype][0]}\n".encode(), _text(keys[-1]), _text("cpu"),
                          _integer(t.numel()), b"N"]) + b"Q"
        shape, stride = (_tuple(map(_integer, sizes)) for sizes in (t.shape, t.contiguous().stride()))
        body += _text(name) + b"ctorch._utils\n_rebuild_tensor\n" + _tuple([storage, _integer(0), shape, stride]) + b"R"
    with open(path, "wb") as f:
        f.write(pickle.dumps(MAGIC, 2) + pickle.dumps(PROTOCOL, 2) + _system() + body + b"u." + pickle.dumps(keys, 2))
        for t in state.values():
            f.write(struct.pack("<q", t.numel()) + _raw(t))


def write_tar(path, state):
    """The oldest container: a tar of sys_info, pickle, tensors, storages."""
    tensors = storages = pickle.dumps(len(state), 2)
    names = b"\x80\x02" + ORDERED_DICT + b")R("
    for i, (name, t) in enumerate(state.items()):
        storage, kind, _ = STORAGE[t.dtype]
        storages += b"\x80\x02" + _tuple([_integer(20000 + i), _text("cpu"), f"ctorch\n{storage}\n".encode()]) + b"."
        storages += struct.pack("<q", t.numel()) + _raw(t)
        tensors += b"\x80\x02" + _tuple([_integer(10000 + i), _integer(20000 + i), f"ctorch\n{kind}\n".encode()]) + b"."
        tensors += struct.pack(f"<i4x{t.dim()}q{t.dim()}qq", t.dim(), *t.shape, *t.contiguous().stride(), 0)
        names += _text(name) + _text(str(10000 + i)) + b"Q"
    parts = dict(sys_info=_system(), pickle=names + b"u.", tensors=tensors, storages=storages + pickle.dumps([], 2))
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write_safetensors(path, state):
    header, data = {}, b""
    for name, t in state.items():
        raw = _raw(t)
        kind = {torch.float32: "F32", torch.int64: "I64"}[t.dtype]
        header[name] = dict(dtype=kind, shape=list(t.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


CONTAINERS = {"zip": write_zip, "zip, float64": write_double, "zip, nested": write_nested, "stream": write_stream,
              "stream, 4 arguments": write_old_stream, "tar": write_tar, "safetensors": write_safetensors}
