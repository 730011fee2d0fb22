#include "core/tensor.h"

#include <cstddef>

#include "core/backend.h"

namespace fedcamae {

Tensor::Tensor(Context& context, const Shape& shape, ElementType type)
    : context_(&context),
      storage_(context.allocate(static_cast<size_t>(shape.size()) * element_bytes(type))),
      data_(static_cast<float*>(storage_.get())),
      shape_(shape),
      type_(type) {}

Tensor Tensor::full(Context& context, const Shape& shape, float value, ElementType type) {
  Tensor t(context, shape, type);
  context.backend().fill(t.view(), value);
  return t;
}

Tensor Tensor::zeros(Context& context, const Shape& shape, ElementType type) {
  return full(context, shape, 0.0f, type);
}

Tensor Tensor::from(Context& context, const Shape& shape, std::span<const float> host) {
  check(static_cast<int64_t>(host.size()) == shape.size(),
        "[tensor] shape {} holds {} numbers, got {}", shape, shape.size(), host.size());
  Tensor t(context, shape);
  context.backend().copy_from_host(t.data_, host.data(), host.size_bytes());
  return t;
}

Tensor Tensor::reshape(const Shape& shape) const {
  check(shape.size() == size(), "[reshape] {} has {} numbers, {} has {}", shape_, size(), shape,
        shape.size());
  return window(0, shape);
}

Tensor Tensor::window(int64_t offset, const Shape& shape) const {
  check(offset >= 0 && offset + shape.size() <= size(), "[window] {} at {} leaves {}", shape,
        offset, shape_);
  Tensor t = *this;
  t.data_ = type_ == ElementType::kFloat32 ? data_ + offset
                                           : reinterpret_cast<float*>(view().bf16() + offset);
  t.shape_ = shape;
  return t;
}

Tensor Tensor::shared_with(Context& context) const {
  check(context.device() == context_->device(), "[shared_with] the tensor is on {}, not on {}",
        context_->device().str(), context.device().str());
  Tensor t = *this;
  t.context_ = &context;
  return t;
}

Tensor Tensor::clone() const { return to(*context_); }

// Within a device the copy runs in the new context, and the two wait for one another: the old one's
// work so far comes before it, what the old one does next comes after it.
Tensor Tensor::to(Context& context) const {
  Tensor t(context, shape_, type_);
  const size_t bytes = view().bytes();
  Backend &old = context_->backend(), &now = context.backend();
  if (context.device() == context_->device()) {
    if (&old != &now) now.wait_for(old);
    now.copy(data_, t.data_, bytes);
    if (&old != &now) old.wait_for(now);
  } else if (context.device().type == DeviceType::kCpu) {
    old.copy_to_host(data_, t.data_, bytes);
  } else if (context_->device().type == DeviceType::kCpu) {
    now.copy_from_host(t.data_, data_, bytes);
  } else {  // from one GPU to another: by way of the host
    std::vector<std::byte> host(bytes);
    old.copy_to_host(data_, host.data(), bytes);
    now.copy_from_host(t.data_, host.data(), bytes);
  }
  return t;
}

std::vector<float> Tensor::to_host() const {
  if (type_ != ElementType::kFloat32) {
    const Tensor wide(*context_, shape_);
    context_->backend().cast(view(), wide.view());
    return wide.to_host();
  }
  std::vector<float> host(static_cast<size_t>(size()));
  context_->backend().copy_to_host(data_, host.data(), host.size() * sizeof(float));
  return host;
}

float Tensor::item() const {
  check(size() == 1, "[item] one element expected, got {}", shape_);
  return to_host()[0];
}

IndexTensor::IndexTensor(Context& context, int64_t size)
    : context_(&context),
      storage_(context.allocate(static_cast<size_t>(size) * sizeof(int32_t))),
      data_(static_cast<int32_t*>(storage_.get())),
      size_(size) {}

IndexTensor IndexTensor::from(Context& context, std::span<const int32_t> host) {
  IndexTensor t(context, static_cast<int64_t>(host.size()));
  context.backend().copy_from_host(t.data_, host.data(), host.size_bytes());
  return t;
}

std::vector<int32_t> IndexTensor::to_host() const {
  std::vector<int32_t> host(static_cast<size_t>(size_));
  context_->backend().copy_to_host(data_, host.data(), host.size() * sizeof(int32_t));
  return host;
}

}  // namespace fedcamae
