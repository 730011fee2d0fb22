// Convolutions by cuDNN.
#include "core/cuda/conv_cudnn.h"

#include "core/cuda/check.h"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t aligned_size(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
// cuDNN reads 16 bytes at a time. Blocks of the pool begin where it can; windows of flat buffers
// may begin at any number.
bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; }

constexpr float kOne = 1.0f, kZero = 0.0f;  // result = 1 * convolution + 0 * result

}  // namespace

Dnn::Dnn(int device, cudaStream_t stream, Precision precision, ConvAlgorithms algorithms)
    : precision_(precision), algorithms_(algorithms) {
  const auto what = [device] { return fmt::format("[conv2d] on cuda:{}", device); };
  cudnnHandle_t handle = nullptr;
  require(cudnnCreate(&handle), "cudnnCreate", what);
  handle_.reset(handle);
  require(cudnnSetStream(handle, stream), "cudnnSetStream", what);
}

Dnn& CudaBackend::dnn() {
  if (dnn_ == nullptr) dnn_ = std::make_unique<Dnn>(device_, stream(), precision_, algorithms_);
  return *dnn_;
}

// call(a, b, workspace, bytes, result) with pointers that cuDNN takes: what is not aligned is
// copied, and a result of another type than the operands' (a weight gradient kept in float32) is
// widened.
template <class Call>
void CudaBackend::convolve(const ConvProblem& problem, ConstView a, ConstView b, View result,
                           const Call& call) {
  if (result.size() == 0) return;
  if (a.size() == 0 || b.size() == 0) return set_bytes(result.data, 0, result.bytes());
  check(a.type == b.type, "{}: one operand is float32, the other bfloat16", problem.str());
  const ConvPlan& plan = dnn().plan(problem);
  const bool in_place = is_aligned(result.data) && result.type == a.type;
  const size_t result_bytes = static_cast<size_t>(result.size()) * element_bytes(a.type);
  char* room = static_cast<char*>(
      scratch(aligned_size(plan.workspace) + (is_aligned(a.data) ? 0 : aligned_size(a.bytes())) +
              (is_aligned(b.data) ? 0 : aligned_size(b.bytes())) + (in_place ? 0 : result_bytes)));
  const auto take = [&room](size_t bytes) {
    char* taken = room;
    room += aligned_size(bytes);
    return taken;
  };
  const auto operand = [&](ConstView view) -> const void* {
    if (is_aligned(view.data)) return view.data;
    void* place = take(view.bytes());
    copy(view.data, place, view.bytes());
    return place;
  };
  void* workspace = take(plan.workspace);
  const void* first = operand(a);
  const void* second = operand(b);
  void* to = in_place ? static_cast<void*>(result.data) : take(result_bytes);
  call(plan, first, second, workspace, to);
  if (!in_place) cast({static_cast<const float*>(to), result.shape, a.type}, result);
}

void CudaBackend::conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) {
  const ConvProblem problem{ConvPass::kForward, x.type, x.shape, w.shape, y.shape, spec, device_};
  convolve(problem, x, w, y, [&](const ConvPlan& p, auto a, auto b, void* workspace, void* result) {
    require(cudnnConvolutionForward(dnn().handle(), &kOne, p.x.get(), a, p.w.get(), b, p.conv.get(),
                                    static_cast<cudnnConvolutionFwdAlgo_t>(p.algorithm), workspace,
                                    p.workspace, &kZero, p.y.get(), result),
            "cudnnConvolutionForward", [&] { return problem.str(); });
  });
}

void CudaBackend::conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) {
  const ConvProblem problem{
      ConvPass::kBackwardData, dy.type, dx.shape, w.shape, dy.shape, spec, device_};
  convolve(problem, w, dy, dx,
           [&](const ConvPlan& p, auto a, auto b, void* workspace, void* result) {
             require(cudnnConvolutionBackwardData(
                         dnn().handle(), &kOne, p.w.get(), a, p.y.get(), b, p.conv.get(),
                         static_cast<cudnnConvolutionBwdDataAlgo_t>(p.algorithm), workspace,
                         p.workspace, &kZero, p.x.get(), result),
                     "cudnnConvolutionBackwardData", [&] { return problem.str(); });
           });
}

void CudaBackend::conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) {
  const ConvProblem problem{
      ConvPass::kBackwardWeight, x.type, x.shape, dw.shape, dy.shape, spec, device_};
  convolve(problem, x, dy, dw,
           [&](const ConvPlan& p, auto a, auto b, void* workspace, void* result) {
             require(cudnnConvolutionBackwardFilter(
                         dnn().handle(), &kOne, p.x.get(), a, p.y.get(), b, p.conv.get(),
                         static_cast<cudnnConvolutionBwdFilterAlgo_t>(p.algorithm), workspace,
                         p.workspace, &kZero, p.w.get(), result),
                     "cudnnConvolutionBackwardFilter", [&] { return problem.str(); });
           });
}

}  // namespace fedcamae::cuda
