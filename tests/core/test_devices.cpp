// Names of devices, and what is said where one cannot be used. Holds with and without a GPU.
#include <doctest/doctest.h>

#include "core/context.h"
#include "core/error.h"

namespace fedcamae {
namespace {

struct Refusal {
  ErrorKind kind = ErrorKind::kUnexpected;
  std::string text;  // empty: not refused
};
Refusal refusal(const std::string& device) {
  try {
    (void)parse_device(device);
    return {};
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
}

TEST_CASE("devices: text that is no device is the user's mistake") {
  for (const char* text : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999999999",
                           "CUDA", "cuda0", "cpu:0", " cpu"}) {
    CAPTURE(text);
    const Refusal refused = refusal(text);
    CHECK(refused.kind == ErrorKind::kUsage);
    CHECK(refused.text == "device: '" + std::string(text) + "' is not auto, cpu, cuda or cuda:N");
  }
}

TEST_CASE("devices: one that is not there is refused in one line that says why") {
  for (const char* text : {"cuda:1000", "cuda:0", "cuda"}) {
    CAPTURE(text);
    const Refusal refused = refusal(text);
    if (refused.text.empty()) continue;  // this machine has a GPU; not a thousand
    CHECK(refused.kind == ErrorKind::kDevice);
    CHECK(refused.text.starts_with("device: '" + std::string(text) + "' is not available, "));
    CHECK(refused.text.ends_with("; use --device cpu"));
    CHECK(refused.text.find('\n') == std::string::npos);
    const bool has_reason = refused.text.find("this build has no CUDA") != std::string::npos ||
                            refused.text.find("no NVIDIA driver") != std::string::npos ||
                            refused.text.find("no NVIDIA GPU") != std::string::npos ||
                            refused.text.find("GPU") != std::string::npos ||
                            refused.text.find("NVIDIA driver is for CUDA") != std::string::npos;
    CHECK(has_reason);
  }
  CHECK_FALSE(refusal("cuda:1000").text.empty());
}

TEST_CASE("devices: auto is the first GPU where that can be used, else the CPU") {
  const Device expected =
      refusal("cuda").text.empty() ? Device{DeviceType::kCuda, 0} : Device{DeviceType::kCpu, 0};
  CHECK(parse_device("auto") == expected);
  CHECK(parse_device("cpu") == Device{DeviceType::kCpu, 0});
  Context context({.device = parse_device("auto")});
  CHECK(context.device() == expected);
}

TEST_CASE("devices: a context for a device that is not there is refused") {
  CHECK_THROWS_WITH_AS(Context({.device = {DeviceType::kCuda, 1000}}),
                       doctest::Contains("[context] cuda:1000"), Error);
}

}  // namespace
}  // namespace fedcamae
