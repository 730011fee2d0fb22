// How a convolution is put to cuDNN: descriptors (images NHWC, weights KRSC), arithmetic,
// algorithm.
#include <cudnn.h>

#include <limits>

#include "core/cuda/conv_cudnn.h"

namespace fedcamae::cuda {
namespace {

// What cuDNN has for each pass; the arguments of its calls stand in the order (operand, operand,
// convolution, result).
struct Forward {
  using Algorithm = cudnnConvolutionFwdAlgo_t;
  using Result = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr auto kFixed = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  static constexpr int kCount = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
  template <class... Args>
  static auto list(cudnnHandle_t handle, const ConvPlan& p, Args... args) {
    return cudnnGetConvolutionForwardAlgorithm_v7(handle, p.x.get(), p.w.get(), p.conv.get(),
                                                  p.y.get(), args...);
  }
  static auto size(cudnnHandle_t handle, const ConvPlan& p, Algorithm algorithm, size_t* bytes) {
    return cudnnGetConvolutionForwardWorkspaceSize(handle, p.x.get(), p.w.get(), p.conv.get(),
                                                   p.y.get(), algorithm, bytes);
  }
};
struct BackwardData {
  using Algorithm = cudnnConvolutionBwdDataAlgo_t;
  using Result = cudnnConvolutionBwdDataAlgoPerf_t;
  static constexpr auto kFixed = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  static constexpr int kCount = CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;
  template <class... Args>
  static auto list(cudnnHandle_t handle, const ConvPlan& p, Args... args) {
    return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, p.w.get(), p.y.get(), p.conv.get(),
                                                       p.x.get(), args...);
  }
  static auto size(cudnnHandle_t handle, const ConvPlan& p, Algorithm algorithm, size_t* bytes) {
    return cudnnGetConvolutionBackwardDataWorkspaceSize(handle, p.w.get(), p.y.get(), p.conv.get(),
                                                        p.x.get(), algorithm, bytes);
  }
};
struct BackwardWeight {
  using Algorithm = cudnnConvolutionBwdFilterAlgo_t;
  using Result = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr auto kFixed = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
  static constexpr int kCount = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
  template <class... Args>
  static auto list(cudnnHandle_t handle, const ConvPlan& p, Args... args) {
    return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, p.x.get(), p.y.get(), p.conv.get(),
                                                         p.w.get(), args...);
  }
  static auto size(cudnnHandle_t handle, const ConvPlan& p, Algorithm algorithm, size_t* bytes) {
    return cudnnGetConvolutionBackwardFilterWorkspaceSize(
        handle, p.x.get(), p.y.get(), p.conv.get(), p.w.get(), algorithm, bytes);
  }
};

template <auto kCreate, class Owned, class What>
void create(Owned& owned, const char* call, const What& what) {
  typename Owned::pointer made = nullptr;
  require(kCreate(&made), call, what);
  owned.reset(made);
}

// kFloat32 says FMA because cuDNN's default math is TF32 on every GPU that has it.
cudnnMathType_t math_type(Precision precision, ElementType type) {
  if (type == ElementType::kBfloat16) return CUDNN_TENSOR_OP_MATH;
  return precision == Precision::kTf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
}

// The one that cuDNN expects to be the quickest.
template <class Pass, class What>
void take_quickest(cudnnHandle_t handle, ConvPlan& plan, bool any_order, const What& what) {
  constexpr size_t kMostWorkspace = size_t{1} << 30;
  std::array<typename Pass::Result, Pass::kCount> results{};
  int count = 0;
  require(Pass::list(handle, plan, Pass::kCount, &count, results.data()),
          "cudnnGetConvolution...Algorithm_v7", what);
  cudnnMathType_t math{};
  require(cudnnGetConvolutionMathType(plan.conv.get(), &math), "cudnnGetConvolutionMathType", what);
  for (int i = 0; i < count; ++i) {
    const auto& result = results[static_cast<size_t>(i)];
    if (result.status != CUDNN_STATUS_SUCCESS || result.memory > kMostWorkspace) continue;
    if (!any_order && result.determinism != CUDNN_DETERMINISTIC) continue;
    // What is listed for another arithmetic than float32's must be possible with that.
    require(cudnnSetConvolutionMathType(plan.conv.get(),
                                        math == CUDNN_FMA_MATH ? math : result.mathType),
            "cudnnSetConvolutionMathType", what);
    plan.algorithm = result.algo;
    if (Pass::size(handle, plan, result.algo, &plan.workspace) == CUDNN_STATUS_SUCCESS) return;
  }
  fail(ErrorKind::kDevice, "{}: cuDNN lists no algorithm for this{}", what(),
       any_order ? "" : " whose sums keep their order");
}

template <class Pass, class What>
void take_algorithm(cudnnHandle_t handle, ConvAlgorithms algorithms, ConvPlan& plan,
                    const What& what) {
  if (algorithms == ConvAlgorithms::kFixed) {
    plan.algorithm = Pass::kFixed;
    const cudnnStatus_t status = Pass::size(handle, plan, Pass::kFixed, &plan.workspace);
    if (CUDNN_STATUS_CATEGORY(status) != CUDNN_STATUS_NOT_SUPPORTED)
      return require(status, "cudnnGetConvolution...WorkspaceSize", what);
  }
  take_quickest<Pass>(handle, plan, algorithms == ConvAlgorithms::kAny, what);
}

}  // namespace

std::string ConvProblem::str() const {
  const char* name = pass == ConvPass::kForward        ? "conv2d"
                     : pass == ConvPass::kBackwardData ? "conv2d_backward_data"
                                                       : "conv2d_backward_weight";
  return fmt::format("[{}] x {}, weight {}, y {}, stride {}, padding {}, groups {} on cuda:{}",
                     name, x, w, y, spec.stride, spec.padding, spec.groups, device);
}

ConvPlan Dnn::make_plan(const ConvProblem& problem) const {
  const auto what = [&] { return problem.str(); };
  const auto narrow = [&](int64_t size) {
    if (size > std::numeric_limits<int>::max())
      fail(ErrorKind::kDevice, "{}: {} is more than cuDNN can count; use a smaller batch", what(),
           size);
    return static_cast<int>(size);
  };
  const cudnnDataType_t type =
      problem.type == ElementType::kFloat32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
  ConvPlan plan;
  const auto describe = [&](auto& tensor, const Shape& shape) {
    create<cudnnCreateTensorDescriptor>(tensor, "cudnnCreateTensorDescriptor", what);
    require(cudnnSetTensor4dDescriptor(tensor.get(), CUDNN_TENSOR_NHWC, type, narrow(shape.n()),
                                       narrow(shape.c()), narrow(shape.h()), narrow(shape.w())),
            "cudnnSetTensor4dDescriptor", what);
  };
  describe(plan.x, problem.x);
  describe(plan.y, problem.y);
  const Shape& w = problem.w;
  create<cudnnCreateFilterDescriptor>(plan.w, "cudnnCreateFilterDescriptor", what);
  require(cudnnSetFilter4dDescriptor(plan.w.get(), type, CUDNN_TENSOR_NHWC, narrow(w.n()),
                                     narrow(w.c()), narrow(w.h()), narrow(w.w())),
          "cudnnSetFilter4dDescriptor", what);

  const int padding = narrow(problem.spec.padding), stride = narrow(problem.spec.stride);
  create<cudnnCreateConvolutionDescriptor>(plan.conv, "cudnnCreateConvolutionDescriptor", what);
  require(cudnnSetConvolution2dDescriptor(plan.conv.get(), padding, padding, stride, stride, 1, 1,
                                          CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
          "cudnnSetConvolution2dDescriptor", what);
  require(cudnnSetConvolutionGroupCount(plan.conv.get(), narrow(problem.spec.groups)),
          "cudnnSetConvolutionGroupCount", what);
  require(cudnnSetConvolutionMathType(plan.conv.get(), math_type(precision_, problem.type)),
          "cudnnSetConvolutionMathType", what);

  switch (problem.pass) {
    case ConvPass::kForward:
      take_algorithm<Forward>(handle(), algorithms_, plan, what);
      break;
    case ConvPass::kBackwardData:
      take_algorithm<BackwardData>(handle(), algorithms_, plan, what);
      break;
    case ConvPass::kBackwardWeight:
      take_algorithm<BackwardWeight>(handle(), algorithms_, plan, what);
  }
  return plan;
}

const ConvPlan& Dnn::plan(const ConvProblem& problem) {
  const Shape &x = problem.x, &w = problem.w;
  const ConvSpec& spec = problem.spec;
  const Key key{static_cast<int64_t>(problem.pass),
                static_cast<int64_t>(problem.type),
                x.n(),
                x.h(),
                x.w(),
                x.c(),
                w.n(),
                w.h(),
                w.w(),
                w.c(),
                spec.stride,
                spec.padding,
                spec.groups};
  return plans_.get(key, [&] { return make_plan(problem); });
}

}  // namespace fedcamae::cuda
