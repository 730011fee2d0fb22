// Matrix products by cuBLAS.
#include "core/cuda/gemm_cublas.h"

#include "core/cuda/check.h"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

template <class What>
void require(cublasStatus_t status, const char* call, const What& what) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail(ErrorKind::kDevice, "{}: {} failed, {} ({})", what(), call, cublasGetStatusString(status),
       cublasGetStatusName(status));
}
void require(cublasStatus_t status, const char* call, int device) {
  require(status, call, [device] { return fmt::format("[gemm] on cuda:{}", device); });
}

// What NVIDIA recommends for the workspace.
size_t recommended_workspace(int device) {
  constexpr int kHopper = 9;
  int major = 0;
  cuda::require(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
                "cudaDeviceGetAttribute", device);
  return size_t{major >= kHopper ? 32u : 4u} << 20;
}

cudaDataType type_of(ElementType type) {
  return type == ElementType::kFloat32 ? CUDA_R_32F : CUDA_R_16BF;
}

}  // namespace

Blas::Blas(int device, cudaStream_t stream, Precision precision,
           const std::function<void()>& relieve)
    : device_(device), workspace_bytes_(recommended_workspace(device)) {
  cublasHandle_t handle = nullptr;
  cublasStatus_t status = cublasCreate(&handle);
  if (status == CUBLAS_STATUS_ALLOC_FAILED) {
    relieve();
    status = cublasCreate(&handle);
  }
  require(status, "cublasCreate", device);
  handle_.reset(handle);
  require(cublasSetStream(handle, stream), "cublasSetStream", device);
  // Sums of bfloat16 products stay float32 where they are split over several blocks.
  const int math =
      (precision == Precision::kTf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH) |
      CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
  require(cublasSetMathMode(handle, static_cast<cublasMath_t>(math)), "cublasSetMathMode", device);
}

void Blas::use_workspace(void* workspace) {
  if (workspace == workspace_) return;
  require(cublasSetWorkspace(handle(), workspace, workspace_bytes_), "cublasSetWorkspace", device_);
  workspace_ = workspace;
}

// cuBLAS is column-major, where a row-major matrix reads as its transpose: c = op(a) op(b) is
// computed as c^T = op(b)^T op(a)^T.
void CudaBackend::gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) {
  const int64_t m = c.shape[0], n = c.shape[1], k = a.shape[spec.transpose_a ? 0 : 1];
  if (c.size() == 0) return;
  if (k == 0) {
    if (!spec.accumulate) set_bytes(c.data, 0, c.bytes());
    return;
  }
  void* workspace = scratch(blas().workspace_bytes());
  blas().use_workspace(workspace);
  const float one = 1.0f, kept = spec.accumulate ? 1.0f : 0.0f;
  const auto operation = [](bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  require(cublasGemmEx_64(blas().handle(), operation(spec.transpose_b), operation(spec.transpose_a),
                          n, m, k, &one, b.data, type_of(b.type), b.shape[1], a.data,
                          type_of(a.type), a.shape[1], &kept, c.data, type_of(c.type), n,
                          CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
          "cublasGemmEx", [&] {
            return fmt::format("[gemm] a {}{} by b {}{} on cuda:{}", a.shape,
                               spec.transpose_a ? " transposed" : "", b.shape,
                               spec.transpose_b ? " transposed" : "", device_);
          });
}

Blas& CudaBackend::blas() {
  if (blas_ == nullptr)
    blas_ = std::make_unique<Blas>(device_, stream(), precision_, [this] { relieve(); });
  return *blas_;
}

}  // namespace fedcamae::cuda
