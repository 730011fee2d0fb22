# The CUDA backend, core/cuda: part of the core library where the toolkit is there. FEDCAMAE_CUDA is
# AUTO (where nvcc, cuBLAS and cuDNN are found), ON (an error where they are not) or OFF.
set(FEDCAMAE_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO, ON or OFF")
set_property(CACHE FEDCAMAE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(FEDCAMAE_WITH_CUDA OFF)
if(FEDCAMAE_CUDA STREQUAL OFF)
  return()
endif()

include(CheckLanguage)
list(APPEND CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/cmake)
# PTX alone is compiled by the driver on every GPU since Turing. A release sets all-major.
set(CMAKE_CUDA_ARCHITECTURES 75-virtual CACHE STRING "GPU architectures to compile for")
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  find_package(CUDAToolkit)
  find_package(CUDNN 9)
endif()
if(CMAKE_CUDA_COMPILER AND CUDAToolkit_FOUND AND CUDNN_FOUND)
  set(FEDCAMAE_WITH_CUDA ON)
elseif(FEDCAMAE_CUDA STREQUAL AUTO)
  message(STATUS "No CUDA backend: nvcc, cuBLAS or cuDNN was not found")
  return()
else()
  message(FATAL_ERROR "FEDCAMAE_CUDA=${FEDCAMAE_CUDA}: nvcc, cuBLAS or cuDNN was not found; install the "
          "CUDA toolkit and cuDNN 9 (CUDNN_ROOT says where) or set FEDCAMAE_CUDA=OFF")
endif()

set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # so that tests can put the fake GPU under it
if(CCACHE)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()
enable_language(CUDA)
# CMake 3.25 does not know that this nvcc speaks C++20; .cu files follow CMAKE_CXX_STANDARD.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()
message(STATUS "CUDA backend: toolkit ${CUDAToolkit_VERSION}, cuDNN ${CUDNN_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")

file(GLOB cuda_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/cuda/*.cu ${PROJECT_SOURCE_DIR}/core/cuda/*.cpp)
target_sources(fedcamae_core PRIVATE ${cuda_sources})
# The library was there before the variables were.
set_target_properties(fedcamae_core PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}"
                      CUDA_RUNTIME_LIBRARY ${CMAKE_CUDA_RUNTIME_LIBRARY}
                      CUDA_COMPILER_LAUNCHER "${CMAKE_CUDA_COMPILER_LAUNCHER}")
# FMT_USE_CONSTEXPR: fmt 9 takes nvcc for a compiler that has no constexpr.
target_compile_definitions(fedcamae_core PRIVATE FEDCAMAE_WITH_CUDA
                           $<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1>)
# -lineinfo: faults name the line.
target_compile_options(fedcamae_core PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-lineinfo;-Werror=all-warnings;-Xcompiler=-Wall,-Wextra>")
# PRIVATE: no other folder can include CUDA's headers.
target_link_libraries(fedcamae_core PRIVATE CUDA::cudart CUDA::cublas CUDNN::cudnn)
