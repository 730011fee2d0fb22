// The handle of cuBLAS. Included by gemm_cublas.cpp and where the backend is made.
#pragma once

#include <cublas_v2.h>

#include <functional>
#include <memory>
#include <type_traits>

#include "core/context.h"

namespace fedcamae::cuda {

class Blas {
 public:
  // Where there is no memory for the handle, calls relieve() and tries once more.
  Blas(int device, cudaStream_t stream, Precision precision, const std::function<void()>& relieve);

  cublasHandle_t handle() const { return handle_.get(); }
  size_t workspace_bytes() const { return workspace_bytes_; }
  // Products give the same bits again only with a workspace of our own.
  void use_workspace(void* workspace);

 private:
  struct Destroy {
    void operator()(cublasHandle_t handle) const noexcept { (void)cublasDestroy(handle); }
  };
  int device_;
  std::unique_ptr<std::remove_pointer_t<cublasHandle_t>, Destroy> handle_;
  size_t workspace_bytes_;
  void* workspace_ = nullptr;
};

}  // namespace fedcamae::cuda
