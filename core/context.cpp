#include "core/context.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/precision.h"

namespace fedcamae {

std::string Device::str() const {
  return type == DeviceType::kCpu ? "cpu" : "cuda:" + std::to_string(index);
}

Device parse_device(const std::string& text) {
  if (text == "auto" || text == "cpu") return {};
  if (text == "cuda" || text.starts_with("cuda:")) {
    int index = 0;
    if (text.size() > 4) {
      const char* end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data() + 5, end, index);
      if (error != std::errc() || stop != end || index < 0)
        fail(ErrorKind::kUsage, "device: '{}' is not auto, cpu, cuda or cuda:N", text);
    }
    fail(ErrorKind::kDevice,
         "device: '{}' is not available, this build has no CUDA; use --device cpu", text);
  }
  fail(ErrorKind::kUsage, "device: '{}' is not auto, cpu, cuda or cuda:N", text);
}

// Free blocks are kept by size class, eight classes to a doubling. A step that repeats asks for
// the same classes in the same order, so from the second step on it takes nothing from the system.
class Context::Pool {
 public:
  Pool(std::shared_ptr<Backend> backend, bool poison)
      : backend_(std::move(backend)), poison_(poison) {}
  ~Pool() {
    for (auto& [bytes, blocks] : free_)
      for (void* block : blocks) backend_->release(block, bytes);
  }

  void* take(size_t bytes) {
    void* block = nullptr;
    {
      const std::lock_guard lock(mutex_);
      stats_.bytes_in_use += static_cast<int64_t>(bytes);
      stats_.peak_bytes_in_use = std::max(stats_.peak_bytes_in_use, stats_.bytes_in_use);
      auto& blocks = free_[bytes];
      if (!blocks.empty()) {
        block = blocks.back();
        blocks.pop_back();
      } else {
        ++stats_.system_allocations;
        stats_.bytes_held += static_cast<int64_t>(bytes);
      }
    }
    if (block == nullptr) block = backend_->allocate(bytes);
    if (poison_)
      backend_->fill(
          {static_cast<float*>(block), Shape{static_cast<int64_t>(bytes / sizeof(float))}},
          std::numeric_limits<float>::quiet_NaN());
    return block;
  }

  void give_back(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.bytes_in_use -= static_cast<int64_t>(bytes);
    free_[bytes].push_back(block);
  }

  PoolStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  std::shared_ptr<Backend> backend_;
  const bool poison_;
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
  backend_ = make_cpu_backend(options.threads);
  pool_ = std::make_shared<Pool>(backend_, options.poison);
}

Context::~Context() = default;

std::shared_ptr<void> Context::allocate(size_t bytes) {
  const size_t rounded = size_class(bytes);
  void* block = pool_->take(rounded);
  return {block, [pool = pool_, rounded](void* p) { pool->give_back(p, rounded); }};
}

PoolStats Context::pool_stats() const { return pool_->stats(); }

}  // namespace fedcamae
