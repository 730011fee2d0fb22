#include "core/shape.h"

namespace fedcamae {

std::string Shape::str() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", dims_[i]);
  return text + "]";
}

}  // namespace fedcamae
