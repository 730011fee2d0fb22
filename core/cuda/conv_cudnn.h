// The handle of cuDNN and the plans of its convolutions. Included by conv_cudnn.cpp, conv_plan.cpp
// and where the backend is made.
#pragma once

#include <cudnn.h>

#include <array>
#include <functional>
#include <memory>
#include <type_traits>

#include "core/backend.h"
#include "core/cuda/plan_cache.h"

namespace fedcamae::cuda {

template <auto kDestroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const noexcept {
    (void)kDestroy(object);
  }
};
template <class Handle, auto kDestroy>
using Owner = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<kDestroy>>;

// y = x * w, one of the three sought.
enum class ConvPass { kForward, kBackwardData, kBackwardWeight };
struct ConvProblem {
  ConvPass pass;
  ElementType type;
  Shape x, w, y;
  ConvSpec spec;
  int device;
  std::string str() const;  // "[conv2d] x [...], weight [...], ..."
};

struct ConvPlan {
  Owner<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor> x, y;
  Owner<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor> w;
  Owner<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor> conv;
  int algorithm = 0;  // a cudnnConvolution...Algo_t of the pass
  size_t workspace = 0;
};

template <class What>
void require(cudnnStatus_t status, const char* call, const What& what) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  fail(ErrorKind::kDevice, "{}: {} failed, {}", what(), call, cudnnGetErrorString(status));
}

class Dnn {
 public:
  // Where there is no memory for the handle, calls relieve() and tries once more.
  Dnn(int device, cudaStream_t stream, Precision precision, ConvAlgorithms algorithms,
      const std::function<void()>& relieve);

  cudnnHandle_t handle() const { return handle_.get(); }
  // Lives until the next call.
  const ConvPlan& plan(const ConvProblem& problem);

 private:
  static constexpr size_t kKeptPlans =
      512;  // RegNetY-800MF has about 100 convolutions, three passes
  using Key = std::array<int64_t, 13>;

  ConvPlan make_plan(const ConvProblem& problem) const;

  Precision precision_;
  ConvAlgorithms algorithms_;
  Owner<cudnnHandle_t, cudnnDestroy> handle_;
  PlanCache<Key, ConvPlan> plans_{kKeptPlans};
};

}  // namespace fedcamae::cuda
