// Batch norm: sums over rows in pieces that do not depend on the threads, then one pass that
// writes.
#include <cmath>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/pairs.h"
#include "core/cpu/parallel.h"
#include "core/cpu/typed.h"

namespace fedcamae::cpu {
namespace {

// Rows of a piece: float32 within it, double over the pieces.
constexpr int64_t kRows = 128;

// Two sums per channel: fn(first row, rows, sums, products) fills those of one piece, both
// [channels]; then take(channel, sum, product) is called with the whole.
template <class Fn, class Take>
void two_sums(int threads, int64_t rows, int64_t channels, const Fn& fn, const Take& take) {
  const int64_t pieces = pieces_of(rows, kRows);
  float* sums = scratch_floats(Slot::kSums, 2 * pieces * channels);
  in_ranges(threads, pieces, rows * channels, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Range piece = piece_at(rows, kRows, i);
      float* to = sums + 2 * i * channels;
      fn(piece.begin, piece.end - piece.begin, to, to + channels);
    }
  });
  in_ranges(threads, channels, 2 * pieces * channels, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0, product = 0;
      for (int64_t i = 0; i < pieces; ++i) {
        sum += static_cast<double>(sums[2 * i * channels + c]);
        product += static_cast<double>(sums[(2 * i + 1) * channels + c]);
      }
      take(c, sum, product);
    }
  });
}

// body(number) of the type that the kernels name: float, or uint16_t for bfloat16.
template <class Body>
void by_storage(ElementType type, const Body& body) {
  if (type == ElementType::kBfloat16) return body(uint16_t{});
  body(float{});
}
template <class T>
const NormKernels<T>& norm_kernels() {
  if constexpr (sizeof(T) == sizeof(float))
    return cpu_kernels().norm;
  else
    return cpu_kernels().norm_bf16;
}

// A task on the rows from `first`: what is indexed by row is moved there.
template <class T>
NormRows<T> at_row(NormRows<T> task, int64_t first, int64_t rows) {
  const int64_t skip = first * task.channels;
  const auto move = [skip](auto*& pointer) {
    if (pointer != nullptr) pointer += skip;
  };
  move(task.x), move(task.residual), move(task.y);
  move(task.dy), move(task.y_kept), move(task.dx), move(task.dresidual);
  task.rows = rows;
  return task;
}

// kernel(task) over parts of the rows.
template <class T>
void over_rows(int threads, const NormRows<T>& task, void (*kernel)(const NormRows<T>&)) {
  in_ranges(threads, task.rows, task.rows * task.channels,
            [&](int64_t begin, int64_t end) { kernel(at_row(task, begin, end - begin)); });
}

float inverse_deviation(double var, float eps) {
  return static_cast<float>(1.0 / std::sqrt(var + static_cast<double>(eps)));
}

template <class T>
NormRows<T> forward_task(ConstView x, const float* mean, const float* scale, ConstView beta,
                         ConstView residual, bool relu, View y) {
  NormRows<T> task{};
  task.rows = x.shape.rows();
  task.channels = x.shape.back();
  task.x = numbers<T>(x);
  task.mean = mean;
  task.relu = relu;
  task.scale = scale;
  task.beta = beta.data;
  task.residual = numbers<T>(residual);
  task.y = numbers<T>(y);
  return task;
}

template <class T>
NormRows<T> backward_task(ConstView dy, ConstView x, ConstView y, const float* mean, bool relu,
                          const BatchNormGrads& out) {
  NormRows<T> task{};
  task.rows = x.shape.rows();
  task.channels = x.shape.back();
  task.x = numbers<T>(x);
  task.mean = mean;
  task.relu = relu;
  task.dy = numbers<T>(dy);
  task.y_kept = relu ? numbers<T>(y) : nullptr;
  task.dx = numbers<T>(out.dx);
  task.dresidual = numbers<T>(out.dresidual);
  return task;
}

// The sums of dz and of dz * (x - mean): take(channel, sum, product).
template <class T, class Take>
void gradient_sums(int threads, const NormRows<T>& task, const Take& take) {
  two_sums(
      threads, task.rows, task.channels,
      [&](int64_t first, int64_t rows, float* sums, float* products) {
        norm_kernels<T>().gradient_sums(at_row(task, first, rows), sums, products);
      },
      take);
}

// Numbers per channel that one call makes for itself; they live until the next one.
float* channel_scratch(int64_t channels, int index, int count) {
  return scratch_floats(Slot::kChannels, count * channels) + index * channels;
}

}  // namespace

// Sums are shifted by the first row, which lies within a few deviations of the mean: squares of
// large numbers do not cancel.
void CpuBackend::batch_norm_train(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                                  const BatchNormSpec& spec, View running_mean, View running_var,
                                  View y, BatchNormStats saved) {
  const int64_t rows = x.shape.rows(), channels = x.shape.back();
  float* scale = channel_scratch(channels, 0, 2);
  const float* shift = x.data;
  if (x.type == ElementType::kBfloat16) {
    cpu_kernels().widen_row(halves(x), channels, scale + channels);
    shift = scale + channels;
  }
  const double count = static_cast<double>(rows), momentum = static_cast<double>(spec.momentum);
  const auto take = [&](int64_t c, double sum, double squares) {
    const double shifted = sum / count;
    const double mean = static_cast<double>(shift[c]) + shifted;
    const double spread = std::max(0.0, squares - sum * shifted);  // of all rows
    saved.mean.data[c] = static_cast<float>(mean);
    saved.inv_std.data[c] = inverse_deviation(spread / count, spec.eps);
    scale[c] = gamma.data[c] * saved.inv_std.data[c];
    const auto moved = [&](float old, double batch) {
      return static_cast<float>((1.0 - momentum) * static_cast<double>(old) + momentum * batch);
    };
    running_mean.data[c] = moved(running_mean.data[c], mean);
    running_var.data[c] = moved(running_var.data[c], spread / (count - 1));
  };
  by_storage(x.type, [&]<class T>(T) {
    const auto moments = [&](int64_t first, int64_t some, float* sums, float* squares) {
      norm_kernels<T>().moments(numbers<T>(x) + first * channels, shift, some, channels, sums,
                                squares);
    };
    two_sums(threads_, rows, channels, moments, take);
    over_rows(threads_, forward_task<T>(x, saved.mean.data, scale, beta, residual, spec.relu, y),
              norm_kernels<T>().forward);
  });
}

void CpuBackend::batch_norm_train_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                           const BatchNormSpec& spec, BatchNormStats saved,
                                           BatchNormGrads out) {
  by_storage(x.type, [&]<class T>(T) {
    auto task = backward_task<T>(dy, x, y, saved.mean.data, spec.relu, out);
    const double count = static_cast<double>(task.rows);
    float* scale = channel_scratch(task.channels, 0, 3);
    float* along = scale + task.channels;
    float* constant = along + task.channels;
    gradient_sums(threads_, task, [&](int64_t c, double sum, double product) {
      const double inv_std = static_cast<double>(saved.inv_std.data[c]);
      const double slope = static_cast<double>(gamma.data[c]) * inv_std;
      out.dbeta.data[c] = static_cast<float>(sum);
      out.dgamma.data[c] = static_cast<float>(product * inv_std);
      scale[c] = static_cast<float>(slope);
      along[c] = static_cast<float>(-slope * inv_std * inv_std * product / count);
      constant[c] = static_cast<float>(-slope * sum / count);
    });
    task.scale = scale;
    task.along = along;
    task.constant = constant;
    over_rows(threads_, task, norm_kernels<T>().backward);
  });
}

void CpuBackend::batch_norm_eval(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                                 const BatchNormSpec& spec, ConstView running_mean,
                                 ConstView running_var, View y) {
  const int64_t channels = x.shape.back();
  float* scale = channel_scratch(channels, 0, 1);
  for (int64_t c = 0; c < channels; ++c)
    scale[c] =
        gamma.data[c] * inverse_deviation(static_cast<double>(running_var.data[c]), spec.eps);
  by_storage(x.type, [&]<class T>(T) {
    over_rows(threads_, forward_task<T>(x, running_mean.data, scale, beta, residual, spec.relu, y),
              norm_kernels<T>().forward);
  });
}

void CpuBackend::batch_norm_eval_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                          const BatchNormSpec& spec, ConstView running_mean,
                                          ConstView running_var, BatchNormGrads out) {
  const auto inv_std = [&](int64_t c) {
    return inverse_deviation(static_cast<double>(running_var.data[c]), spec.eps);
  };
  by_storage(x.type, [&]<class T>(T) {
    auto task = backward_task<T>(dy, x, y, running_mean.data, spec.relu, out);
    if (out.dgamma.data != nullptr)
      gradient_sums(threads_, task, [&](int64_t c, double sum, double product) {
        out.dbeta.data[c] = static_cast<float>(sum);
        out.dgamma.data[c] = static_cast<float>(product * static_cast<double>(inv_std(c)));
      });
    float* scale = channel_scratch(task.channels, 0, 1);
    for (int64_t c = 0; c < task.channels; ++c) scale[c] = gamma.data[c] * inv_std(c);
    task.scale = scale;
    over_rows(threads_, task, norm_kernels<T>().backward);
  });
}

}  // namespace fedcamae::cpu
