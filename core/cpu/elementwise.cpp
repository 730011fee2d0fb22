#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {

void CpuBackend::unary(Unary f, ConstView x, View y) {
  fn::visit(f, [&](auto function) {
    in_ranges(threads_, y.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y.data[i] = function.forward(x.data[i]);
    });
  });
}

void CpuBackend::unary_backward(Unary f, ConstView dy, ConstView kept, View dx) {
  fn::visit(f, [&](auto function) {
    in_ranges(threads_, dx.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        dx.data[i] = function.backward(dy.data[i], kept.data[i]);
    });
  });
}

void CpuBackend::binary(Binary f, ConstView a, ConstView b, View y) {
  fn::visit(f, [&](auto function) {
    in_ranges(threads_, y.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y.data[i] = function(a.data[i], b.data[i]);
    });
  });
}

void CpuBackend::axpy(float alpha, ConstView x, View y) {
  in_ranges(threads_, y.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y.data[i] += alpha * x.data[i];
  });
}

void CpuBackend::scale(float alpha, View x) {
  in_ranges(threads_, x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) x.data[i] *= alpha;
  });
}

void CpuBackend::clamp(float low, float high, View x) {
  in_ranges(threads_, x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float value = x.data[i];  // a NaN passes both comparisons
      x.data[i] = value < low ? low : value > high ? high : value;
    }
  });
}

void CpuBackend::add_row(ConstView b, View x) {
  const int64_t channels = b.size();
  in_ranges(threads_, x.shape.rows(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = x.data + i * channels;
      for (int64_t c = 0; c < channels; ++c) row[c] += b.data[c];
    }
  });
}

// Rows are the pixels of all images; a row's gate is that of its image.
void CpuBackend::scale_channels(ConstView x, ConstView gate, View y) {
  const int64_t channels = x.shape.c();
  const int64_t pixels = x.shape.h() * x.shape.w();
  in_ranges(threads_, x.shape.rows(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* from = x.data + i * channels;
      const float* factor = gate.data + i / pixels * channels;
      float* to = y.data + i * channels;
      for (int64_t c = 0; c < channels; ++c) to[c] = from[c] * factor[c];
    }
  });
}

namespace {

// Channels that one thread takes through all pixels of an image, their sums in the L1 cache.
constexpr int64_t kChannelBlock = 64;

struct GateTask {
  const float* dy;
  const float* x;
  const float* gate;
  float* dx;
  float* dgate;
  int64_t pixels, stride, channels;  // stride: floats from a pixel to the next
};
void gate_gradients(const GateTask& t) {
  double sums[kChannelBlock] = {};
  for (int64_t p = 0; p < t.pixels; ++p) {
    const float* dy = t.dy + p * t.stride;
    const float* x = t.x + p * t.stride;
    float* dx = t.dx + p * t.stride;
    for (int64_t c = 0; c < t.channels; ++c) {
      sums[c] += static_cast<double>(dy[c] * x[c]);
      dx[c] = dy[c] * t.gate[c];
    }
  }
  for (int64_t c = 0; c < t.channels; ++c) t.dgate[c] = static_cast<float>(sums[c]);
}

}  // namespace

void CpuBackend::scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                                         View dgate) {
  const int64_t channels = x.shape.c();
  const int64_t pixels = x.shape.h() * x.shape.w();
  const int64_t blocks = pieces_of(channels, kChannelBlock);
  in_ranges(threads_, x.shape.n() * blocks, 2 * x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / blocks;
      const Range block = piece_at(channels, kChannelBlock, i % blocks);
      const int64_t at = n * pixels * channels + block.begin;
      const int64_t gate_at = n * channels + block.begin;
      gate_gradients({dy.data + at, x.data + at, gate.data + gate_at, dx.data + at,
                      dgate.data + gate_at, pixels, channels, block.end - block.begin});
    }
  });
}

}  // namespace fedcamae::cpu
