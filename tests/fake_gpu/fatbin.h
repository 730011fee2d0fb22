// The PTX inside the fat binaries that nvcc embeds.
#pragma once

#include <string>

namespace fake_gpu {

// `wrapper` is what __cudaRegisterFatBinary is given. Throws Fault where there is no PTX.
std::string embedded_ptx(const void* wrapper);

}  // namespace fake_gpu
