#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"
#include "core/cpu/typed.h"

namespace fedcamae::cpu {

namespace {

// to[i] = term(i) for all numbers of y.
template <class T, class Term>
void write_all(int threads, const View& y, const Term& term) {
  T* to = numbers<T>(y);
  in_ranges(threads, y.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = rounded<T>(term(i));
  });
}

}  // namespace

void CpuBackend::unary(Unary f, ConstView x, View y) {
  by_type(y.type, [&]<class T>(T) {
    fn::visit(f, [&, from = numbers<T>(x)](auto function) {
      write_all<T>(threads_, y, [=](int64_t i) { return function.forward(widened(from[i])); });
    });
  });
}

void CpuBackend::unary_backward(Unary f, ConstView dy, ConstView kept, View dx) {
  by_type(dx.type, [&]<class T>(T) {
    fn::visit(f, [&, from = numbers<T>(dy), at = numbers<T>(kept)](auto function) {
      write_all<T>(threads_, dx,
                   [=](int64_t i) { return function.backward(widened(from[i]), widened(at[i])); });
    });
  });
}

void CpuBackend::binary(Binary f, ConstView a, ConstView b, View y) {
  by_type(y.type, [&]<class T>(T) {
    fn::visit(f, [&, left = numbers<T>(a), right = numbers<T>(b)](auto function) {
      write_all<T>(threads_, y,
                   [=](int64_t i) { return function(widened(left[i]), widened(right[i])); });
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
  by_type(x.type, [&]<class T>(T) {
    in_ranges(threads_, x.shape.rows(), x.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* row = numbers<T>(x) + i * channels;
        for (int64_t c = 0; c < channels; ++c) row[c] = rounded<T>(widened(row[c]) + b.data[c]);
      }
    });
  });
}

// Rows are the pixels of all images; a row's gate is that of its image.
void CpuBackend::scale_channels(ConstView x, ConstView gate, View y) {
  const int64_t channels = x.shape.c();
  const int64_t pixels = x.shape.h() * x.shape.w();
  by_type(y.type, [&]<class T>(T) {
    in_ranges(threads_, x.shape.rows(), x.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* from = numbers<T>(x) + i * channels;
        const T* factor = numbers<T>(gate) + i / pixels * channels;
        T* to = numbers<T>(y) + i * channels;
        for (int64_t c = 0; c < channels; ++c)
          to[c] = rounded<T>(widened(from[c]) * widened(factor[c]));
      }
    });
  });
}

namespace {

// Channels that one thread takes through all pixels of an image, their sums in the L1 cache.
constexpr int64_t kChannelBlock = 64;

template <class T>
struct GateTask {
  const T* dy;
  const T* x;
  const T* gate;
  T* dx;
  T* dgate;
  int64_t pixels, stride, channels;  // stride: numbers from a pixel to the next
};
template <class T>
void gate_gradients(const GateTask<T>& t) {
  double sums[kChannelBlock] = {};
  for (int64_t p = 0; p < t.pixels; ++p) {
    const T* dy = t.dy + p * t.stride;
    const T* x = t.x + p * t.stride;
    T* dx = t.dx + p * t.stride;
    for (int64_t c = 0; c < t.channels; ++c) {
      const float d = widened(dy[c]);
      sums[c] += static_cast<double>(d * widened(x[c]));
      dx[c] = rounded<T>(d * widened(t.gate[c]));
    }
  }
  for (int64_t c = 0; c < t.channels; ++c) t.dgate[c] = rounded<T>(static_cast<float>(sums[c]));
}

}  // namespace

void CpuBackend::scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                                         View dgate) {
  const int64_t channels = x.shape.c();
  const int64_t pixels = x.shape.h() * x.shape.w();
  const int64_t blocks = pieces_of(channels, kChannelBlock);
  by_type(dx.type, [&]<class T>(T) {
    in_ranges(threads_, x.shape.n() * blocks, 2 * x.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t n = i / blocks;
        const Range block = piece_at(channels, kChannelBlock, i % blocks);
        const int64_t at = n * pixels * channels + block.begin;
        const int64_t gate_at = n * channels + block.begin;
        gate_gradients<T>({numbers<T>(dy) + at, numbers<T>(x) + at, numbers<T>(gate) + gate_at,
                           numbers<T>(dx) + at, numbers<T>(dgate) + gate_at, pixels, channels,
                           block.end - block.begin});
      }
    });
  });
}

}  // namespace fedcamae::cpu
