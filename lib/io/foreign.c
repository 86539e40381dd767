/* Foreign files. Design: a table of first bytes; it only serves the sentence of the refusal. */
#include "io/foreign.h"

#include "core/status.h"

#include <string.h>

typedef struct signature {
    const char *bytes;
    size_t length;
    gcam_status status;
    const char *what; /* what the file is, and what to do */
} signature;

#define BYTES(text) (text), sizeof(text) - 1

static const signature signatures[] = {
    {BYTES("\x89HDF\r\n\x1A\n"), GCAM_ERR_UNSUPPORTED,
     "an HDF5 file, as Keras writes; expected a PyTorch or safetensors file"},
    {BYTES("GGUF"), GCAM_ERR_UNSUPPORTED, "a GGUF file; expected a PyTorch or safetensors file"},
    {BYTES("\x93NUMPY"), GCAM_ERR_UNSUPPORTED, "a single NumPy array; expected a PyTorch or safetensors file"},
    {BYTES("PK\5\6"), GCAM_ERR_FORMAT, "an empty zip archive"},
    {BYTES("\x1F\x8B"), GCAM_ERR_UNSUPPORTED, "compressed with gzip; decompress it first"},
    {BYTES("BZh"), GCAM_ERR_UNSUPPORTED, "compressed with bzip2; decompress it first"},
    {BYTES("\xFD"
           "7zXZ"),
     GCAM_ERR_UNSUPPORTED, "compressed with xz; decompress it first"},
    {BYTES("\x28\xB5\x2F\xFD"), GCAM_ERR_UNSUPPORTED, "compressed with zstd; decompress it first"},
    {BYTES("\x89PNG"), GCAM_ERR_FORMAT, "a PNG picture; expected a checkpoint"},
    {BYTES("\xFF\xD8\xFF"), GCAM_ERR_FORMAT, "a JPEG picture; expected a checkpoint"},
    {BYTES("version https://git-lfs"), GCAM_ERR_FORMAT,
     "a Git LFS pointer, not the file itself; fetch it with git lfs pull"},
    {BYTES("<"), GCAM_ERR_FORMAT, "an HTML or XML text, perhaps the error page of a download; expected a checkpoint"},
    {BYTES("\x80\2"), GCAM_ERR_UNSUPPORTED,
     "a pickle that torch.save did not write; save the state_dict() with torch.save"},
    {BYTES("\x80\3"), GCAM_ERR_UNSUPPORTED,
     "a pickle that torch.save did not write; save the state_dict() with torch.save"},
    {BYTES("\x80\4"), GCAM_ERR_UNSUPPORTED,
     "a pickle that torch.save did not write; save the state_dict() with torch.save"},
    {BYTES("\x80\5"), GCAM_ERR_UNSUPPORTED,
     "a pickle that torch.save did not write; save the state_dict() with torch.save"},
    {BYTES("\x08"), GCAM_ERR_UNSUPPORTED, "perhaps a damaged ONNX file; expected a PyTorch, safetensors or ONNX file"},
};

gcam_status gcam__refuse_foreign(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *s = &signatures[i];
        if (size < s->length || memcmp(data, s->bytes, s->length)) continue;
        return gcam__fail_at(s->status, "tensor_table", 0, "this is %s", s->what);
    }
    int is_zero = size >= 512;
    for (size_t i = 0; i < 512 && is_zero; i++) is_zero = data[i] == 0;
    if (is_zero)
        return gcam__fail_at(GCAM_ERR_FORMAT, "tensor_table", 0,
                             "the file begins with zeros only, perhaps a broken download");
    return gcam__fail_at(GCAM_ERR_FORMAT, "tensor_table", 0,
                         "not a checkpoint: expected a PyTorch zip, stream or tar file, safetensors or ONNX");
}
