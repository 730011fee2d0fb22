// Sums to one number, in double: pieces of fixed size, added in a fixed order.
#include "core/cuda/channel_sums.cuh"
#include "core/cuda/cuda_backend.h"
#include "core/cuda/reduce.cuh"

namespace fedcamae::cuda {
namespace {

struct Itself {
  __device__ double operator()(float x) const { return static_cast<double>(x); }
};
struct Product {
  __device__ double operator()(float a, float b) const {
    return static_cast<double>(a) * static_cast<double>(b);
  }
};

// 1 for an infinity or a NaN.
struct NotFinite {
  __device__ double operator()(float x) const { return isfinite(x) ? 0.0 : 1.0; }
};

struct TakeRowSum {
  float* y;
  __device__ void operator()(int64_t c, const double (&sums)[1]) const {
    y[c] = static_cast<float>(sums[0]);
  }
};

// channel_sums_kernel's body: the numbers themselves.
template <class A, class T>
struct RowSum {
  const T* x;
  __device__ void start(int64_t, int64_t) {}
  __device__ void add(int64_t at, Values<A::kLanes> (&sums)[1]) {
    const auto values = load<A>(x + at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) sums[0].at[i] += values.at[i];
  }
};

}  // namespace

double CudaBackend::sum(ConstView x) {
  double* total = scratch_of<double>(1 + pieces_of(x.size()));
  double value = 0;
  launch_sum(stream(), Itself{}, x.size(), total + 1, total, x.data);
  launched("sum");
  read_back(total, &value, sizeof value);
  return value;
}

double CudaBackend::dot(ConstView a, ConstView b) {
  double* total = scratch_of<double>(1 + pieces_of(a.size()));
  double value = 0;
  launch_sum(stream(), Product{}, a.size(), total + 1, total, a.data, b.data);
  launched("dot");
  read_back(total, &value, sizeof value);
  return value;
}

double CudaBackend::squared_distance(ConstView a, ConstView b) {
  double* total = scratch_of<double>(1 + pieces_of(a.size()));
  double value = 0;
  launch_sum(stream(), SquaredDifference{}, a.size(), total + 1, total, a.data, b.data);
  launched("squared_distance");
  read_back(total, &value, sizeof value);
  return value;
}

bool CudaBackend::all_finite(ConstView x) {
  double* bad = scratch_of<double>(1 + pieces_of(x.size()));
  double value = 0;
  launch_sum(stream(), NotFinite{}, x.size(), bad + 1, bad, x.data);
  launched("all_finite");
  read_back(bad, &value, sizeof value);
  return value == 0;
}

// [rows, C] -> [C].
void CudaBackend::sum_rows(ConstView x, View y) {
  const int64_t rows = x.shape.rows(), channels = y.size();
  if (channels == 0) return;
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const Pieces pieces = pieces_of_rows<T>(rows, channels);
    float* partial = scratch_of<float>(pieces.count * channels);
    with_access<T>(channels, aligned(x.data), [&](auto access) {
      using A = decltype(access);
      channel_sums_kernel<A, 1><<<pieces.grid(channels, A::kLanes), pieces.block, 0, stream()>>>(
          RowSum<A, T>{data_of<T>(x)}, KeepPartial<1>{partial, channels}, rows, pieces.piece_rows,
          pieces.count, channels);
    });
    launched("sum_rows' pieces");
    add_pieces<1>(stream(), TakeRowSum{y.data}, partial, pieces.count, channels);
  });
  launched("sum_rows");
}

}  // namespace fedcamae::cuda
