// PyTorch's numbers, and the formula that gives a model the same weights and images as there
// (tools/reference_nets.py, tools/make_golden.py).
#pragma once

#include <string>
#include <vector>

#include "models/model.h"
#include "models/safetensors.h"

namespace fedcamae::testing {

// The networks of the dumps: those of `architectures`, "tiny_resnet" and "tiny_regnet".
std::unique_ptr<Model> reference_model(const std::string& arch, int64_t classes, Context& context);

struct ReferenceBatch {
  Tensor images;  // [N, H, W, 3]
  IndexTensor labels;
};
constexpr uint64_t kImageStream = 1000;  // which images; any number above that of the entries
ReferenceBatch reference_batch(int64_t batch, int64_t height, int64_t width, int64_t classes,
                               Context& context, uint64_t stream = kImageStream);

SafeTensors read_golden(const std::string& name);  // tests/golden/<name>

// One forward and backward pass in training mode; returns the loss.
double training_step(Model& model, const ReferenceBatch& batch);

// The numbers of the entry in PyTorch's order.
std::vector<float> entry_values(const StateEntry& entry, const Tensor& flat);
std::vector<StateEntry> entries_of(const Model& model, EntryKind kind);
// Where a small dump looks into the s-th tensor.
std::vector<size_t> sample_positions(size_t s, int64_t size, int64_t samples);

double euclidean_distance(const std::vector<float>& a, const std::vector<float>& b);
double largest_difference(const std::vector<float>& a, const std::vector<float>& b);
double largest_magnitude(const std::vector<float>& a);
double euclidean_norm(const std::vector<float>& a);

}  // namespace fedcamae::testing
