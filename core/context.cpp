#include "core/context.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/precision.h"
#include "core/profile.h"

namespace fedcamae {

std::string Device::str() const {
  return type == DeviceType::kCpu ? "cpu" : "cuda:" + std::to_string(index);
}

bool has_gpu_backend() {
#ifdef FEDCAMAE_WITH_CUDA
  return true;
#else
  return false;
#endif
}

int gpu_count() {
#ifdef FEDCAMAE_WITH_CUDA
  return cuda_device_count();
#else
  return 0;
#endif
}

std::string device_obstacle(const Device& device) {
  if (device.type == DeviceType::kCpu) return "";
#ifdef FEDCAMAE_WITH_CUDA
  return cuda_obstacle(device.index);
#else
  return "this build has no CUDA";
#endif
}

namespace {

std::shared_ptr<Backend> make_backend(const ContextOptions& options) {
  if (options.device.type == DeviceType::kCpu) return make_cpu_backend(options.threads);
#ifdef FEDCAMAE_WITH_CUDA
  return make_cuda_backend(options);
#else
  fail(ErrorKind::kDevice, "[context] {}: {}", options.device.str(),
       device_obstacle(options.device));
#endif
}

}  // namespace

Device parse_device(const std::string& text) {
  if (text == "cpu") return {};
  constexpr Device kFirstGpu{DeviceType::kCuda, 0};
  if (text == "auto") return device_obstacle(kFirstGpu).empty() ? kFirstGpu : Device{};
  int index = 0;
  if (text != "cuda") {
    const char* end = text.data() + text.size();
    const bool named = text.starts_with("cuda:") && text.size() > 5;
    const auto [stop, error] = std::from_chars(text.data() + (named ? 5 : 0), end, index);
    if (!named || error != std::errc() || stop != end || index < 0)
      fail(ErrorKind::kUsage, "device: '{}' is not auto, cpu, cuda or cuda:N", text);
  }
  const Device device{DeviceType::kCuda, index};
  const std::string why = device_obstacle(device);
  if (!why.empty())
    fail(ErrorKind::kDevice, "device: '{}' is not available, {}; use --device cpu", text, why);
  return device;
}

// Free blocks are kept by size class, eight classes to a doubling. A step that repeats asks for
// the same classes in the same order, so from the second step on it takes nothing from the system.
class Context::Pool {
 public:
  explicit Pool(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}
  ~Pool() { trim(); }

  void* take(size_t bytes) {
    void* block = nullptr;
    {
      const std::lock_guard lock(mutex_);
      auto& blocks = free_[bytes];
      if (!blocks.empty()) {
        block = blocks.back();
        blocks.pop_back();
      }
    }
    const bool fresh = block == nullptr;
    if (fresh) block = backend_->allocate(bytes);
    const std::lock_guard lock(mutex_);
    stats_.system_allocations += fresh;
    stats_.bytes_held += fresh ? static_cast<int64_t>(bytes) : 0;
    stats_.bytes_in_use += static_cast<int64_t>(bytes);
    stats_.peak_bytes_in_use = std::max(stats_.peak_bytes_in_use, stats_.bytes_in_use);
    return block;
  }

  void give_back(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.bytes_in_use -= static_cast<int64_t>(bytes);
    free_[bytes].push_back(block);
  }

  // Gives what is kept for reuse back to the system.
  void trim() {
    std::map<size_t, std::vector<void*>> unused;
    {
      const std::lock_guard lock(mutex_);
      unused.swap(free_);
      for (const auto& [bytes, blocks] : unused)
        stats_.bytes_held -= static_cast<int64_t>(bytes * blocks.size());
    }
    for (const auto& [bytes, blocks] : unused)
      for (void* block : blocks) backend_->release(block, bytes);
  }

  PoolStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  std::shared_ptr<Backend> backend_;
  std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;
  PoolStats stats_;
};

namespace {

// Rounds up to the next of eight steps per power of two, at least 256 bytes.
size_t size_class(size_t bytes) {
  size_t step = 32;
  while (step * 16 <= bytes) step *= 2;
  const size_t rounded = (bytes + step - 1) / step * step;
  return std::max<size_t>(rounded, 256);
}

}  // namespace

Context::Context(const ContextOptions& options) : options_(options) {
  check_precision(options.device, options.precision);
  check(options.threads >= 1, "[context] at least one thread, got {}", options.threads);
  const std::shared_ptr<Backend> device = make_backend(options);
  backend_ = options.profile ? make_profiled_backend(device, options.profile) : device;
  pool_ = std::make_shared<Pool>(device);
  device->on_shortage([pool = std::weak_ptr<Pool>(pool_)] {
    if (const auto held = pool.lock()) held->trim();
  });
}

Context::~Context() = default;

std::shared_ptr<void> Context::allocate(size_t bytes) {
  const size_t rounded = options_.poison ? std::max<size_t>(bytes, 1) : size_class(bytes);
  std::shared_ptr<void> block(pool_->take(rounded),
                              [pool = pool_, rounded](void* p) { pool->give_back(p, rounded); });
  constexpr int kNan = 0xff;  // in every byte: NaN as float32 and as bfloat16
  if (options_.poison) backend_->set_bytes(block.get(), kNan, rounded);
  return block;
}

PoolStats Context::pool_stats() const { return pool_->stats(); }

}  // namespace fedcamae
