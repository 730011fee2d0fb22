// Calls of cuBLAS and cuDNN that would take our handle for theirs: they are named and refused. The
// list holds what a network is likely to ask for. No header is included: arguments do not matter.
#include <string>

namespace fake_gpu {
void print(const std::string& text);
}

#define NOT_FAKED(NAME, STATUS)                                  \
  extern "C" __attribute__((visibility("default"))) int NAME() { \
    fake_gpu::print(#NAME " is not faked");                      \
    return STATUS;                                               \
  }
#define BLAS(NAME) NOT_FAKED(cublas##NAME, 15) /* CUBLAS_STATUS_NOT_SUPPORTED */
#define DNN(NAME) NOT_FAKED(cudnn##NAME, 3000) /* CUDNN_STATUS_NOT_SUPPORTED */

// clang-format off
BLAS(SetPointerMode_v2) BLAS(Isamax_v2) BLAS(Sasum_v2) BLAS(Saxpy_v2) BLAS(Scopy_v2) BLAS(Sdot_v2)
BLAS(Snrm2_v2) BLAS(Sscal_v2) BLAS(Sgemv_v2) BLAS(Sger_v2) BLAS(Ssyrk_v2) BLAS(Strsm_v2) BLAS(Sgeam)
BLAS(Sdgmm) BLAS(SgemmEx) BLAS(SgemmBatched) BLAS(SgemmStridedBatched) BLAS(GemmBatchedEx)
BLAS(GemmStridedBatchedEx) BLAS(Dgemm_v2) BLAS(Hgemm) BLAS(HgemmStridedBatched)

DNN(FindConvolutionForwardAlgorithm) DNN(FindConvolutionBackwardDataAlgorithm)
DNN(FindConvolutionBackwardFilterAlgorithm) DNN(FindConvolutionForwardAlgorithmEx)
DNN(FindConvolutionBackwardDataAlgorithmEx) DNN(FindConvolutionBackwardFilterAlgorithmEx)
DNN(ConvolutionBiasActivationForward) DNN(ActivationForward) DNN(ActivationBackward) DNN(AddTensor)
DNN(OpTensor) DNN(ReduceTensor) DNN(ScaleTensor) DNN(SetTensor) DNN(TransformTensor)
DNN(BatchNormalizationForwardInference) DNN(BatchNormalizationForwardTraining)
DNN(BatchNormalizationForwardTrainingEx) DNN(BatchNormalizationBackward)
DNN(BatchNormalizationBackwardEx) DNN(PoolingForward) DNN(PoolingBackward) DNN(SoftmaxForward)
DNN(SoftmaxBackward) DNN(DropoutForward) DNN(DropoutBackward) DNN(BackendExecute)
    // clang-format on
