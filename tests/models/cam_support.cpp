#include "tests/models/cam_support.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/devices.h"

namespace fedcamae::testing {

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

std::unique_ptr<Model> golden_model(const std::string& arch, const SafeTensors& golden,
                                    Context& context) {
  return reference_model(arch, std::stoll(golden.metadata().at("classes")), context);
}

ReferenceBatch golden_batch(const SafeTensors& golden, Context& context) {
  const auto& m = golden.metadata();
  const int64_t side = std::stoll(m.at("side"));
  return reference_batch(std::stoll(m.at("batch")), side, side, std::stoll(m.at("classes")),
                         context);
}

void check_raw(const SafeTensors& golden, const std::string& name, const Tensor& raw) {
  CAPTURE(name);
  const auto& shape = golden.tensors().at(name + ".raw").shape;
  REQUIRE(raw.shape() == Shape{shape[0], shape[1], shape[2]});
  const std::vector<float> expected = golden.floats(name + ".raw");
  CHECK(largest_difference(raw.to_host(), expected) <= kMap * largest_magnitude(expected));
}

void check_closed_form(const Method& method, const std::string& arch, int64_t side,
                       const std::function<double(double)>& weigh) {
  CAPTURE(arch);
  Context context(device_options(2));
  const std::unique_ptr<Model> model = reference_model(arch, 6, context);
  const ReferenceBatch batch = reference_batch(2, side, side, 6, context);
  const std::string layer = model->default_layer();
  const std::vector<int32_t> classes = {4, 1};
  const CamResult cam = method(*model, batch.images, layer, classes);

  const Tensor activation = model->forward_tapped(batch.images, layer).activation.value();
  const Shape& s = activation.shape();
  const std::vector<float> a = activation.to_host();
  std::vector<float> weight;
  for (const StateEntry& entry : model->entries())
    if (entry.name == "fc.weight") weight = entry_values(entry, model->parameters());
  REQUIRE(static_cast<int64_t>(weight.size()) == 6 * s.c());
  std::vector<float> expected;
  const int64_t pixels = s.h() * s.w();
  for (int64_t n = 0; n < s.n(); ++n)
    for (int64_t p = 0; p < pixels; ++p) {
      double sum = 0;
      for (int64_t k = 0; k < s.c(); ++k) {
        const auto w = static_cast<size_t>(classes[static_cast<size_t>(n)] * s.c() + k);
        sum += weigh(static_cast<double>(weight[w])) *
               static_cast<double>(a[static_cast<size_t>((n * pixels + p) * s.c() + k)]);
      }
      expected.push_back(static_cast<float>(std::max(0.0, sum / static_cast<double>(pixels))));
    }
  REQUIRE(largest_magnitude(expected) > 0);
  CHECK(largest_difference(cam.raw.to_host(), expected) <= kMap * largest_magnitude(expected));
}

}  // namespace fedcamae::testing
