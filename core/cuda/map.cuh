// Elementwise kernels: one template for all of them.
#pragma once

#include <algorithm>

#include "core/cuda/launch.cuh"
#include "core/cuda/storage.cuh"

namespace fedcamae::cuda {

template <class A, class F, class Out, class... V>
__device__ inline void map_values(F f, Out* y, const V&... x) {
  Values<A::kLanes> values;
#pragma unroll
  for (int i = 0; i < A::kLanes; ++i) values.at[i] = f(x.at[i]...);
  store<A>(y, values);
}

// y[i] = f(x[i]...). A thread takes kLanes neighbours, then those a grid's width on; neighbouring
// threads take neighbouring numbers. y may be any of x: a thread reads all of its inputs before it
// writes.
template <class A, class F, class Out, class... In>
__global__ void __launch_bounds__(kThreads) map_kernel(F f, int64_t count, Out* y, const In*... x) {
  for (int64_t i = thread_index() * A::kLanes; i < count; i += thread_count() * A::kLanes) {
    if (i + A::kLanes <= count) {
      map_values<A>(f, y + i, load<A>(x + i)...);
    } else {
      for (int64_t j = i; j < count; ++j)
        map_values<Access<1, true>>(f, y + j, load<Access<1, true>>(x + j)...);
    }
  }
}

template <class F, class Out, class... In>
void map(cudaStream_t stream, F f, int64_t count, Out* y, const In*... x) {
  if (count == 0) return;
  constexpr int kLanes = std::min({kWide<Out>, kWide<In>...});
  if (aligned(y, x...)) {
    map_kernel<Access<kLanes, true>>
        <<<blocks_for(divide_up(count, kLanes)), kThreads, 0, stream>>>(f, count, y, x...);
  } else {
    map_kernel<Access<1, true>><<<blocks_for(count), kThreads, 0, stream>>>(f, count, y, x...);
  }
}

}  // namespace fedcamae::cuda
