// ONNX Runtime as a peer: node peer_onnxruntime.js forward MODEL THREADS SECONDS, as tools/bench/worker.c. Reads the .onnx beside MODEL,
// which peer_torch.py writes. The package is found through NODE_PATH.
const ort = require('onnxruntime-node');

async function main() {
  const [, , work, model, threads, seconds] = process.argv;
  if (work !== 'forward') throw new Error(`no ${work} with ONNX Runtime`);
  const session = await ort.InferenceSession.create(model.replace(/\.\w+$/, '.onnx'),
    {intraOpNumThreads: Number(threads), interOpNumThreads: 1, graphOptimizationLevel: 'all'});
  const data = Float32Array.from({length: 3 * 224 * 224}, (_, i) => ((i * 7919) % 1000) / 1000);
  const feeds = {[session.inputNames[0]]: new ort.Tensor('float32', data, [1, 3, 224, 224])};
  await session.run(feeds);
  const ms = [];
  const end = performance.now() + 1000 * Number(seconds);
  while (ms.length < 3 || performance.now() < end) {
    const start = performance.now();
    await session.run(feeds);
    ms.push(performance.now() - start);
  }
  ms.sort((a, b) => a - b);
  console.log(`min_ms ${ms[0].toFixed(4)}\nmedian_ms ${ms[ms.length >> 1].toFixed(4)}\nruns ${ms.length}`);
}

main().catch((problem) => {
  console.error(problem.message);
  process.exit(1);
});
