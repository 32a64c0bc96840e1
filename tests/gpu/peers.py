#!/usr/bin/env python3
"""The same operators and decode steps in PyTorch, beside ours.

    ingot bench rows-peers.csv --method graph_steady -o ours.csv
    peers.py rows ours.csv OUT.csv          each operator by every backend that takes it, as a ratio
    peers.py decode MODEL KV_LEN OUT.csv    one compiled decode step of Code Llama 7B or 34B at batch 1

Times are taken as `graph_steady` takes them: a CUDA graph of the operator many times over, replayed back to back on the
same buffers, by events, the median of five replays.
"""
import csv
import math
import statistics
import sys

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

REPLAYS = 5
OPS_MAX = 100
GRAPH_SECONDS = 2e-3
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
MODELS = {  # layers, width, heads, key-value heads, feed-forward width, vocabulary
    "codellama-7b": (32, 4096, 32, 32, 11008, 32016),
    "codellama-34b": (48, 8192, 64, 8, 22016, 32000),
}


def events_s(work):
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    work()
    after.record()
    after.synchronize()
    return before.elapsed_time(after) * 1e-3


def graph_steady_s(work):
    """Seconds a call of `work`, replayed."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    ops = min(OPS_MAX, max(1, math.ceil(GRAPH_SECONDS / events_s(work))))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(ops):
            work()
    graph.replay()
    return statistics.median(events_s(graph.replay) for _ in range(REPLAYS)) / ops


def number(row, name):
    return int(row.get(name) or 0)


def random(dtype, *shape):
    return torch.randn(*shape, device="cuda", dtype=torch.float32).to(dtype)


def gemm(row, dtype):
    m, n, k = (number(row, name) for name in "mnk")
    x, w = random(dtype, m, k), random(dtype, n, k)
    yield "cublas", lambda: F.linear(x, w)


def attention(row, dtype):
    batch, heads, kv_heads, width = (number(row, name) for name in ("batch", "heads", "kv_heads", "head_dim"))
    q = random(dtype, batch, heads, number(row, "q_len"), width)
    k, v = (random(dtype, batch, kv_heads, number(row, "kv_len"), width) for _ in range(2))
    causal = bool(number(row, "causal"))

    def attend(backend):
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != kv_heads)

    for name, backend in BACKENDS.items():
        yield name, lambda backend=backend: attend(backend)


def row_kernels(row, dtype):
    rows, cols = number(row, "rows"), number(row, "cols")
    kind = row["op"]
    if kind == "activation":
        pair = random(dtype, rows, 2 * cols)
        yield "inductor", torch.compile(lambda: F.silu(pair[:, :cols]) * pair[:, cols:])
        return
    x = random(dtype, rows, cols)
    if kind == "rmsnorm":
        weight, other = random(dtype, cols), random(dtype, rows, cols)
        if number(row, "residual"):
            def fused():
                total = x + other
                return total, F.rms_norm(total, (cols,), weight, 1e-5)
            yield "inductor", torch.compile(fused)
        else:
            yield "eager", lambda: F.rms_norm(x, (cols,), weight, 1e-5)
            yield "inductor", torch.compile(lambda: F.rms_norm(x, (cols,), weight, 1e-5))
    elif kind == "layernorm":
        weight, bias = random(dtype, cols), random(dtype, cols)
        yield "eager", lambda: F.layer_norm(x, (cols,), weight, bias)
    elif kind == "softmax":
        yield "eager", (lambda: F.log_softmax(x, -1)) if number(row, "log") else (lambda: F.softmax(x, -1))
    elif kind == "topk":
        yield "eager", lambda: torch.topk(x, number(row, "top"))
    elif kind == "add":
        other, out = random(dtype, rows, cols), torch.empty_like(x)
        yield "eager", lambda: torch.add(x, other, out=out)
    elif kind == "copy":
        out = torch.empty_like(x)
        yield "eager", lambda: out.copy_(x)


PEERS = {"gemm": gemm, "attention": attention}
SHAPE = ("m", "n", "k", "batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len", "causal", "rows", "cols", "top")


def compare_rows(ours, out):
    with open(ours, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(out, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["op", "dtype", "shape", "ours_us", "peer", "peer_us", "ours_over_peer"])
        for row in rows:
            shape = " ".join(f"{name}={row[name]}" for name in SHAPE if row.get(name))
            for name, work in PEERS.get(row["op"], row_kernels)(row, TYPES[row["dtype"]]):
                try:
                    theirs = graph_steady_s(work) * 1e6
                except RuntimeError as refused:  # a backend that does not take this shape
                    print(f"{row['op']} {shape}: {name} refuses: {str(refused).splitlines()[0]}", file=sys.stderr)
                    torch.cuda.synchronize()
                    continue
                mine = float(row["measured_us"])
                table.writerow([row["op"], row["dtype"], shape, f"{mine:.3f}", name, f"{theirs:.3f}", f"{mine / theirs:.3f}"])
            torch.cuda.empty_cache()


class Decoder(torch.nn.Module):
    """A Llama decode step over a reserved cache, with joined projections."""

    def __init__(self, layers, width, heads, kv_heads, inner, vocabulary, cache):
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads, width // heads
        linear = lambda n, k: torch.nn.Parameter(torch.randn(n, k) * 0.02, requires_grad=False)
        self.embedding, self.head = linear(vocabulary, width), linear(vocabulary, width)
        joined = (heads + 2 * kv_heads) * self.size
        self.qkv = torch.nn.ParameterList(linear(joined, width) for _ in range(layers))
        self.out = torch.nn.ParameterList(linear(width, width) for _ in range(layers))
        self.gate_up = torch.nn.ParameterList(linear(2 * inner, width) for _ in range(layers))
        self.down = torch.nn.ParameterList(linear(width, inner) for _ in range(layers))
        self.norms = torch.nn.ParameterList(linear(1, width) for _ in range(2 * layers + 1))
        self.keys = [torch.randn(1, kv_heads, cache, self.size) for _ in range(layers)]
        self.values = [torch.randn(1, kv_heads, cache, self.size) for _ in range(layers)]
        angles = torch.outer(torch.arange(cache).float(), 1e6 ** (-torch.arange(0, self.size, 2).float() / self.size))
        self.cos, self.sin = angles.cos(), angles.sin()

    def norm(self, x, index):
        return F.rms_norm(x, (x.shape[-1],), self.norms[index][0], 1e-5)

    def rotate(self, x, position):
        even, odd = x.float().chunk(2, -1)
        cos, sin = self.cos[position], self.sin[position]
        return torch.cat((even * cos - odd * sin, even * sin + odd * cos), -1).to(x.dtype)

    def forward(self, token, position, mask):
        x = F.embedding(token, self.embedding)
        for i, (qkv, out) in enumerate(zip(self.qkv, self.out)):
            parts = [self.heads, self.kv_heads, self.kv_heads]
            q, k, v = F.linear(self.norm(x, 2 * i), qkv).view(1, 1, -1, self.size).transpose(1, 2).split(parts, 1)
            self.keys[i].index_copy_(2, position, self.rotate(k, position))
            self.values[i].index_copy_(2, position, v)
            y = F.scaled_dot_product_attention(self.rotate(q, position), self.keys[i], self.values[i], mask,
                                               enable_gqa=self.heads != self.kv_heads)
            x = x + F.linear(y.transpose(1, 2).reshape(1, 1, -1), out)
            gate, up = F.linear(self.norm(x, 2 * i + 1), self.gate_up[i]).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, self.down[i])
        return F.linear(self.norm(x, len(self.norms) - 1), self.head).argmax(-1)


def decode(name, kv_len, out):
    torch.set_default_device("cuda")
    torch.set_default_dtype(torch.bfloat16)
    with torch.inference_mode():
        model = Decoder(*MODELS[name], cache=kv_len)
        step = torch.compile(model, mode="reduce-overhead", fullgraph=True)
        token, position = torch.zeros(1, 1, dtype=torch.long), torch.tensor([kv_len - 1])
        mask = torch.ones(1, 1, 1, kv_len, dtype=torch.bool)
        for _ in range(5):
            step(token, position, mask)
        torch.cuda.synchronize()
        seconds = statistics.median(events_s(lambda: step(token, position, mask)) for _ in range(20))
    with open(out, "a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            table.writerow(["workload", "kv_len", "peer", "peer_ms"])
        table.writerow([name, kv_len, "torch.compile", f"{seconds * 1e3:.3f}"])
    print(f"{name}: {seconds * 1e3:.3f} ms a compiled decode step, {kv_len} keys")


if __name__ == "__main__":
    torch.manual_seed(1)
    if len(sys.argv) == 4 and sys.argv[1] == "rows":
        compare_rows(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 5 and sys.argv[1] == "decode":
        decode(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(__doc__)
