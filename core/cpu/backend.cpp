// Memory, and the way to the matrix kernels.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/pairs.h"
#include "core/cpu/parallel.h"

namespace fedcamae {
namespace cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Blocks from here on, weights and their moments, are read in one go: 512 times fewer pages to look
// up make the autoencoder's training a tenth quicker. Smaller blocks would only take more memory.
constexpr size_t kHuge = 8 * kHugePage;

std::align_val_t alignment(size_t bytes) {
  return std::align_val_t{bytes >= kHuge ? kHugePage : size_t{64}};
}

}  // namespace

std::string CpuBackend::name() const { return fmt::format("cpu ({})", cpu_kernels().name); }

void* CpuBackend::allocate(size_t bytes) {
  try {
    void* block = ::operator new(bytes, alignment(bytes));
    if (bytes >= kHuge) (void)madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return block;
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::kDevice,
         "[memory] the system has no {} MiB more for the CPU; use a smaller "
         "batch, model or number of workers",
         (bytes >> 20) + 1);
  }
}
void CpuBackend::release(void* block, size_t bytes) noexcept {
  ::operator delete(block, alignment(bytes));
}

void CpuBackend::copy(const void* from, void* to, size_t bytes) {
  if (from == to || bytes == 0) return;
  in_ranges(threads_, static_cast<int64_t>(bytes), static_cast<int64_t>(bytes / sizeof(float)),
            [&](int64_t begin, int64_t end) {
              std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                          static_cast<size_t>(end - begin));
            });
}
void CpuBackend::copy_from_host(void* to, const void* host, size_t bytes) { copy(host, to, bytes); }
void CpuBackend::copy_to_host(const void* from, void* host, size_t bytes) {
  copy(from, host, bytes);
}

void CpuBackend::set_bytes(void* block, int value, size_t bytes) {
  in_ranges(threads_, static_cast<int64_t>(bytes), static_cast<int64_t>(bytes / sizeof(float)),
            [&](int64_t begin, int64_t end) {
              std::memset(static_cast<char*>(block) + begin, value,
                          static_cast<size_t>(end - begin));
            });
}

namespace {

template <class T>
void fill_all(int threads, int64_t count, T* y, T value) {
  in_ranges(threads, count,
            [&](int64_t begin, int64_t end) { std::fill(y + begin, y + end, value); });
}

}  // namespace

void CpuBackend::fill(View y, float value) {
  if (y.type == ElementType::kBfloat16)
    return fill_all(threads_, y.size(), y.bf16(), to_bfloat16(value));
  fill_all(threads_, y.size(), y.data, value);
}

void CpuBackend::cast(ConstView x, View y) {
  if (x.type == y.type) return copy(x.data, y.data, x.bytes());
  in_ranges(threads_, x.size(), [&](int64_t begin, int64_t end) {
    if (y.type == ElementType::kBfloat16)
      cpu_kernels().round_row(x.data + begin, end - begin, halves(y) + begin);
    else
      cpu_kernels().widen_row(halves(x) + begin, end - begin, y.data + begin);
  });
}

void CpuBackend::fill_normal(const RandomKey& key, double mean, double deviation, View y) {
  Random random(key);
  for (int64_t i = 0; i < y.size(); ++i)
    y.data[i] = static_cast<float>(mean + deviation * random.normal());
}

void CpuBackend::fill_uniform(const RandomKey& key, int64_t first, double low, double high,
                              View y) {
  in_ranges(threads_, y.size(), [&](int64_t begin, int64_t end) {
    Random random(key);
    random.skip(Random::kUniformWords * static_cast<uint64_t>(first + begin));
    for (int64_t i = begin; i < end; ++i) y.data[i] = static_cast<float>(random.uniform(low, high));
  });
}

void CpuBackend::gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) {
  cpu::gemm(spec, a, b, c, threads_);
}
void CpuBackend::transpose(ConstView x, View y) {
  const int64_t rows = x.shape[0], columns = x.shape[1];
  in_ranges(threads_, columns, x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = begin; j < end; ++j) y.data[j * rows + i] = x.data[i * columns + j];
  });
}
// A linear layer is a 1x1 convolution of images of one pixel.
void CpuBackend::gemm_adam(ConstView dy, ConstView x, View grad, const AdamUpdate& update) {
  const auto image = [](const ConstView& v) {
    return ConstView(v.data, {v.shape[0], 1, 1, v.shape[1]});
  };
  AdamUpdate convolution = update;
  convolution.parameter.shape = {grad.shape[0], 1, 1, grad.shape[1]};
  if (!weight_step(image(dy), image(x), {}, convolution, threads_))
    Backend::gemm_adam(dy, x, grad, update);
}
void CpuBackend::conv2d_backward_weight_adam(ConstView dy, ConstView x, const ConvSpec& spec,
                                             View grad, const AdamUpdate& update) {
  if (!weight_step(dy, x, spec, update, threads_))
    Backend::conv2d_backward_weight_adam(dy, x, spec, grad, update);
}
void CpuBackend::conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) {
  cpu::conv2d(x, w, spec, y, threads_);
}
void CpuBackend::conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) {
  cpu::conv2d_backward_data(dy, w, spec, dx, threads_);
}
void CpuBackend::conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) {
  cpu::conv2d_backward_weight(dy, x, spec, dw, threads_);
}

}  // namespace cpu

std::shared_ptr<Backend> make_cpu_backend(int threads) {
  (void)cpu::cpu_kernels();  // a wrong FEDCAMAE_ISA is an error here, not in the first operation
  return std::make_shared<cpu::CpuBackend>(threads);
}

}  // namespace fedcamae
