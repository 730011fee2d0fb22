#include "data/loader.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <span>
#include <thread>
#include <utility>

#include "core/backend.h"
#include "core/random.h"
#include "data/augment.h"

namespace fedcamae {

AugmentSpec default_augment(const std::string& dataset) {
  if (dataset == "cifar10" || dataset == "cifar100")
    return {.crop_padding = 4, .flip_probability = 0.5};
  if (dataset == "svhn") return {.crop_padding = 2, .flip_probability = 0};
  return {};
}

namespace {

// One prepared batch in plain host memory; used over and over.
struct Slot {
  std::vector<float> images;
  std::vector<int32_t> labels;
  int64_t count = 0;
};
constexpr int64_t kSlots = 4;  // batches that may be ready ahead of the caller

int64_t count_batches(int64_t images, const LoaderSpec& spec) {
  const int64_t whole = images / spec.batch, rest = images % spec.batch;
  return whole + (rest > (spec.drop_single ? 1 : 0) ? 1 : 0);
}

void check_indices(const ImageSet& set, const std::vector<int64_t>& indices) {
  for (const int64_t i : indices)
    check(i >= 0 && i < set.count(), "[loader] image {} of a set of {}", i, set.count());
}

Batch empty_batch(const Shape& shape, Context& context) {
  return {Tensor(context, shape), IndexTensor(context, shape.n())};
}

Batch upload(const float* images, const int32_t* labels, const Shape& shape, Context& context) {
  Batch batch;
  batch.images = Tensor::from(context, shape, {images, static_cast<size_t>(shape.size())});
  batch.labels = IndexTensor::from(context, {labels, static_cast<size_t>(shape.n())});
  return batch;
}

}  // namespace

struct BatchLoader::Impl {
  const ImageSet& set;
  std::vector<int64_t> indices;
  LoaderSpec spec;
  Context& context;
  NormalizationTable table;
  int64_t batches;  // per epoch

  std::array<Slot, kSlots> slots;
  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  int64_t filled = 0, taken = 0;  // batches since the beginning
  bool stop = false;
  std::exception_ptr error;
  std::thread worker;  // never touches the context: that is the caller's

  // On a GPU the next batch is copied while this one is computed with. On the CPU a copy ahead of
  // its use would save nothing.
  const bool ahead;
  Batch coming;  // its copy has begun

  Impl(const ImageSet& images, std::vector<int64_t> order, const LoaderSpec& s, Context& c)
      : set(images),
        indices(std::move(order)),
        spec(s),
        context(c),
        table(s.normalization),
        batches(count_batches(static_cast<int64_t>(indices.size()), s)),
        ahead(c.device().type != DeviceType::kCpu) {
    if (batches == 0) return;
    const auto most = std::min<size_t>(static_cast<size_t>(spec.batch), indices.size());
    for (Slot& slot : slots) {
      slot.images.resize(most * static_cast<size_t>(set.image_bytes()));
      slot.labels.resize(most);
    }
    if (ahead) {  // memory for this batch and the next, so that no step has to ask for it
      const Shape shape{static_cast<int64_t>(most), set.height, set.width, 3};
      const Batch one = empty_batch(shape, context), other = empty_batch(shape, context);
    }
    worker = std::thread([this] { run(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    if (worker.joinable()) worker.join();
    try {
      if (coming.defined()) context.backend().finish_uploads();  // before its memory goes back
    } catch (...) {  // the device is lost, and whatever is asked of it next says so
    }
  }

  void run() {
    try {
      std::vector<int64_t> order = indices;
      for (int64_t epoch = 0;; ++epoch) {
        shuffle(order, epoch);
        for (int64_t b = 0; b < batches; ++b)
          if (!produce(order, epoch, b)) return;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      changed.notify_all();
    }
  }

  // Each epoch's order depends on its own number alone.
  void shuffle(std::vector<int64_t>& order, int64_t epoch) const {
    if (!spec.shuffle) return;
    std::copy(indices.begin(), indices.end(), order.begin());
    Random random({mix_seed(spec.seed, static_cast<uint64_t>(epoch), 0), Purpose::kShuffle,
                   spec.round, spec.client});
    random.shuffle(std::span<int64_t>(order));
  }

  // Waits for a free slot and fills it; false once the loader ends.
  bool produce(const std::vector<int64_t>& order, int64_t epoch, int64_t b) {
    Slot* slot = nullptr;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return stop || filled - taken < kSlots; });
      if (stop) return false;
      slot = &slots[static_cast<size_t>(filled % kSlots)];
    }
    const int64_t first = b * spec.batch;
    slot->count = std::min<int64_t>(spec.batch, static_cast<int64_t>(order.size()) - first);
    for (int64_t i = 0; i < slot->count; ++i) {
      const int64_t sample = order[static_cast<size_t>(first + i)];
      slot->labels[static_cast<size_t>(i)] = set.labels[static_cast<size_t>(sample)];
      transform_image(set.pixels.data() + sample * set.image_bytes(), set.height, set.width,
                      draw_augment(spec, epoch, sample), table,
                      slot->images.data() + i * set.image_bytes());
    }
    const std::lock_guard lock(mutex);
    ++filled;
    changed.notify_all();
    return true;
  }

  Batch next() {
    if (batches == 0)
      fail(ErrorKind::kUsage, "[loader] {} image(s) make no batch; give this client more images",
           indices.size());
    if (!ahead) {
      wait_for_slot();
      return give_back(upload(slot().images.data(), slot().labels.data(), slot_shape(), context));
    }
    if (!coming.defined()) {
      wait_for_slot();
      begin_copy();
    }
    context.backend().finish_uploads();
    Batch batch = std::exchange(coming, {});
    if (is_filled()) begin_copy();  // where not, the step that the caller queues now does not wait
    return batch;
  }

  // The oldest batch that is ready.
  const Slot& slot() const { return slots[static_cast<size_t>(taken % kSlots)]; }
  Shape slot_shape() const { return {slot().count, set.height, set.width, 3}; }
  bool is_filled() {
    const std::lock_guard lock(mutex);
    return filled > taken;
  }
  void wait_for_slot() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return error != nullptr || filled > taken; });
    if (filled == taken) std::rethrow_exception(error);
  }
  Batch give_back(Batch batch) {  // the slot, which has been read
    const std::lock_guard lock(mutex);
    ++taken;
    changed.notify_all();
    return batch;
  }
  void begin_copy() {
    Batch batch = empty_batch(slot_shape(), context);
    Backend& backend = context.backend();
    backend.begin_upload(batch.images.data(), slot().images.data(), batch.images.view().bytes());
    backend.begin_upload(batch.labels.data(), slot().labels.data(),
                         static_cast<size_t>(batch.labels.size()) * sizeof(int32_t));
    coming = give_back(batch);
  }
};

BatchLoader::BatchLoader(const ImageSet& set, std::vector<int64_t> indices, const LoaderSpec& spec,
                         Context& context) {
  check(spec.batch > 0, "[loader] batch must be positive, got {}", spec.batch);
  const int64_t padding = spec.augment.crop_padding;
  check(padding >= 0 && padding < std::min(set.height, set.width),
        "[loader] reflect padding {} of images {}x{}", padding, set.height, set.width);
  check_indices(set, indices);
  impl_ = std::make_unique<Impl>(set, std::move(indices), spec, context);
}

BatchLoader::~BatchLoader() = default;
Batch BatchLoader::next() { return impl_->next(); }
int64_t BatchLoader::batches_per_epoch() const { return impl_->batches; }

Batch make_batch(const ImageSet& set, const std::vector<int64_t>& indices, int64_t first, int64_t n,
                 const Normalization& normalization, Context& context) {
  check(first >= 0 && n > 0 && first + n <= static_cast<int64_t>(indices.size()),
        "[make_batch] images [{}, {}) of {}", first, first + n, indices.size());
  const NormalizationTable table(normalization);
  std::vector<float> images(static_cast<size_t>(n * set.image_bytes()));
  std::vector<int32_t> labels(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    const int64_t sample = indices[static_cast<size_t>(first + i)];
    check(sample >= 0 && sample < set.count(), "[make_batch] image {} of a set of {}", sample,
          set.count());
    labels[static_cast<size_t>(i)] = set.labels[static_cast<size_t>(sample)];
    transform_image(set.pixels.data() + sample * set.image_bytes(), set.height, set.width, {},
                    table, images.data() + i * set.image_bytes());
  }
  return upload(images.data(), labels.data(), {n, set.height, set.width, 3}, context);
}

}  // namespace fedcamae
