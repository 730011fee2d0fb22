// Calls of cuBLAS and cuDNN that would read our handle as if it were theirs: they are named and
// refused. The list is not complete; it holds what a network is likely to ask for. No header is
// included: arguments do not matter.
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

BLAS(Isamax_v2)
BLAS(Sasum_v2)
BLAS(Saxpy_v2)
BLAS(Scopy_v2)
BLAS(Sdot_v2) BLAS(Snrm2_v2) BLAS(Sscal_v2) BLAS(AxpyEx) BLAS(DotEx) BLAS(Nrm2Ex) BLAS(ScalEx) BLAS(
    Sgemv_v2) BLAS(Sger_v2) BLAS(Ssyrk_v2) BLAS(Ssymm_v2) BLAS(Strsm_v2) BLAS(Sgeam) BLAS(Sdgmm)
    BLAS(SgemmEx) BLAS(SgemmBatched) BLAS(GemmBatchedEx) BLAS(Dgemm_v2) BLAS(DgemmStridedBatched)
        BLAS(Hgemm) BLAS(HgemmStridedBatched) BLAS(GemmGroupedBatchedEx) BLAS(SetAtomicsMode)

            DNN(ConvolutionBiasActivationForward) DNN(FindConvolutionForwardAlgorithm)
                DNN(FindConvolutionForwardAlgorithmEx) DNN(FindConvolutionBackwardDataAlgorithm)
                    DNN(FindConvolutionBackwardDataAlgorithmEx)
                        DNN(FindConvolutionBackwardFilterAlgorithm) DNN(
                            FindConvolutionBackwardFilterAlgorithmEx) DNN(ActivationForward)
                            DNN(ActivationBackward) DNN(AddTensor) DNN(OpTensor) DNN(ReduceTensor)
                                DNN(GetReductionWorkspaceSize) DNN(ScaleTensor) DNN(SetTensor)
                                    DNN(TransformTensor) DNN(BatchNormalizationForwardInference)
                                        DNN(BatchNormalizationForwardTraining)
                                            DNN(BatchNormalizationForwardTrainingEx)
                                                DNN(BatchNormalizationBackward)
                                                    DNN(BatchNormalizationBackwardEx)
                                                        DNN(PoolingForward) DNN(PoolingBackward)
                                                            DNN(SoftmaxForward) DNN(SoftmaxBackward)
                                                                DNN(DropoutForward)
                                                                    DNN(DropoutBackward)
                                                                        DNN(BackendExecute)
