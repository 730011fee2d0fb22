#include "core/precision.h"

#include "core/error.h"

namespace fedcamae {

Precision parse_precision(const std::string& text) {
  if (text == "f32") return Precision::kFloat32;
  if (text == "tf32") return Precision::kTf32;
  if (text == "bf16") return Precision::kBf16;
  fail(ErrorKind::kUsage, "precision: '{}' is not f32, tf32 or bf16", text);
}

ConvAlgorithms parse_conv_algorithms(const std::string& text) {
  if (text == "fixed") return ConvAlgorithms::kFixed;
  if (text == "deterministic") return ConvAlgorithms::kDeterministic;
  if (text == "any") return ConvAlgorithms::kAny;
  fail(ErrorKind::kUsage, "conv_algorithms: '{}' is not fixed, deterministic or any", text);
}

void check_precision(const Device& device, Precision precision) {
  if (precision == Precision::kTf32 && device.type == DeviceType::kCpu)
    fail(ErrorKind::kUsage,
         "precision: tf32 is a GPU's; the CPU computes in f32 and, with bfloat16 storage, in bf16");
}

}  // namespace fedcamae
