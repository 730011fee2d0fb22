// Tensor: a value of shape, element type, shared storage and context. Dense, row-major; no strides.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/bfloat16.h"
#include "core/context.h"
#include "core/shape.h"

namespace fedcamae {

// float32 is the rule; bfloat16 stores activations where the precision is bf16.
enum class ElementType : uint8_t { kFloat32, kBfloat16 };
inline size_t element_bytes(ElementType type) { return type == ElementType::kFloat32 ? 4 : 2; }
inline const char* element_name(ElementType type) {
  return type == ElementType::kFloat32 ? "float32" : "bfloat16";
}

// What a Backend sees: a pointer, a shape, a type. `data` holds float32 where `type` says so, which
// is always where a primitive names no other; else it is read as `bf16()`.
struct View {
  float* data = nullptr;
  Shape shape;
  ElementType type = ElementType::kFloat32;
  int64_t size() const { return shape.size(); }
  size_t bytes() const { return static_cast<size_t>(size()) * element_bytes(type); }
  Bfloat16* bf16() const { return reinterpret_cast<Bfloat16*>(data); }
};
struct ConstView {
  const float* data = nullptr;
  Shape shape;
  ElementType type = ElementType::kFloat32;
  ConstView() = default;
  ConstView(const float* p, const Shape& s, ElementType t = ElementType::kFloat32)
      : data(p), shape(s), type(t) {}
  ConstView(const View& v)  // NOLINT: a view may be read
      : data(v.data), shape(v.shape), type(v.type) {}
  int64_t size() const { return shape.size(); }
  size_t bytes() const { return static_cast<size_t>(size()) * element_bytes(type); }
  const Bfloat16* bf16() const { return reinterpret_cast<const Bfloat16*>(data); }
};

// Copying a Tensor shares its storage; `clone` copies the numbers. The context must outlive it.
class Tensor {
 public:
  Tensor() = default;  // no storage; defined() is false
  // Numbers not initialised.
  Tensor(Context& context, const Shape& shape, ElementType type = ElementType::kFloat32);
  static Tensor zeros(Context& context, const Shape& shape,
                      ElementType type = ElementType::kFloat32);
  static Tensor full(Context& context, const Shape& shape, float value,
                     ElementType type = ElementType::kFloat32);
  static Tensor from(Context& context, const Shape& shape, std::span<const float> host);

  bool defined() const { return storage_ != nullptr; }
  // Nobody else holds the storage, a window of it included.
  bool sole() const { return storage_.use_count() == 1; }
  const Shape& shape() const { return shape_; }
  ElementType type() const { return type_; }
  int64_t size() const { return shape_.size(); }
  Context& context() const { return *context_; }
  // Device memory: readable by the host only where context().device() is the CPU. Float32 where
  // type() says so, as in a View.
  float* data() const { return data_; }
  View view() const { return {data_, shape_, type_}; }

  // The same numbers under another shape of the same size; storage is shared.
  Tensor reshape(const Shape& shape) const;
  // A dense window of `shape` that begins `offset` elements in; storage is shared.
  Tensor window(int64_t offset, const Shape& shape) const;
  // The same numbers as a tensor of another context of this device; storage is shared. Whoever asks
  // sees to the order of what the two contexts do with them (Backend::wait_for).
  Tensor shared_with(Context& context) const;
  Tensor clone() const;                // own storage, same context
  Tensor to(Context& context) const;   // a copy in another context, of any device
  std::vector<float> to_host() const;  // bfloat16 is widened, which rounds nothing
  float item() const;                  // the only element

 private:
  Context* context_ = nullptr;
  std::shared_ptr<void> storage_;
  float* data_ = nullptr;
  Shape shape_;
  ElementType type_ = ElementType::kFloat32;
};

// Class labels [N], int32, on the context's device.
class IndexTensor {
 public:
  IndexTensor() = default;
  IndexTensor(Context& context, int64_t size);
  static IndexTensor from(Context& context, std::span<const int32_t> host);

  int64_t size() const { return size_; }
  Context& context() const { return *context_; }
  int32_t* data() const { return data_; }
  std::span<const int32_t> view() const { return {data_, static_cast<size_t>(size_)}; }
  std::vector<int32_t> to_host() const;

 private:
  Context* context_ = nullptr;
  std::shared_ptr<void> storage_;
  int32_t* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace fedcamae
