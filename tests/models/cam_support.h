// What the tests of the class activation maps share: dumps of pytorch-grad-cam, and the closed
// form.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/cam.h"
#include "tests/models/golden.h"

namespace fedcamae::testing {

// Raw maps: of the largest number; scaled maps lie in [0, 1]. float32 through some tens of layers;
// PyTorch's own float32 is up to 1e-6 away from the dumps, which are float64.
constexpr double kMap = 1e-5;

std::vector<std::string> words(const std::string& text);

// The network and the images that a dump was made with.
std::unique_ptr<Model> golden_model(const std::string& arch, const SafeTensors& golden,
                                    Context& context);
ReferenceBatch golden_batch(const SafeTensors& golden, Context& context);
// raw is the dump's `name`.raw.
void check_raw(const SafeTensors& golden, const std::string& name, const Tensor& raw);

// Only global pooling and one linear layer follow the last layer, so dY_c/dA_k is W[c, k] / (h w)
// at every pixel and a map is relu(sum_k weigh(W[c, k]) A_k / (h w)). In double from the model's
// own activation.
using Method = std::function<CamResult(Model&, const Tensor&, const std::string&,
                                       const std::vector<int32_t>&)>;
void check_closed_form(const Method& method, const std::string& arch, int64_t side,
                       const std::function<double(double)>& weigh);

}  // namespace fedcamae::testing
