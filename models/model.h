// A classifier as the rest of the program sees it: a network over flat buffers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/var.h"
#include "core/context.h"
#include "core/tensor.h"
#include "layers/flat_state.h"
#include "models/network.h"

namespace fedcamae {

// Everything a client sends: parameters and batch-norm statistics as flat vectors, in state-dict
// order, and the batch counters (num_batches_tracked), one per batch norm.
struct ModelState {
  Tensor parameters;              // [P]
  Tensor statistics;              // [S], running_mean and running_var
  std::vector<int64_t> counters;  // [batch norms]

  ModelState clone() const;  // own storage, same context
  ModelState to(Context& context) const;
};

struct ModelSpec {
  std::string arch;  // resnet50 | regnet_y_800mf | small_cnn
  int64_t classes = 10;
};

class BorrowedState;

class Model {
 public:
  // Weights uninitialised; call initialize or set_state. Throws Error{kUsage} for an unknown arch.
  Model(const ModelSpec& spec, Context& context);
  // Any network under a name of its own: the small ones of the tests.
  Model(const ModelSpec& spec, std::unique_ptr<Network> network, Context& context);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelSpec& spec() const { return spec_; }
  Context& context() const { return *context_; }
  // torchvision's initial distributions, from Philox with this seed.
  void initialize(uint64_t seed);

  // x [N, H, W, 3] -> logits [N, classes]. In training mode batch norm uses and updates the batch's
  // statistics; in evaluation mode (the default after construction) the running ones. Where the
  // context's precision is bf16 everything between the images and the logits is bfloat16.
  Var forward(const Tensor& x);
  void set_training(bool training);
  bool training() const { return training_; }

  // The forward pass in evaluation mode up to the logits, with the activation of one layer kept as
  // a leaf: nothing below it is recorded, so a backward pass from the logits stops there.
  struct Tapped {
    Var activation;  // [N, h, w, c]; bfloat16 where the precision is bf16
    Var logits;      // [N, classes]
  };
  // Throws Error{kUsage} naming the nearest layer where there is no such layer.
  Tapped forward_tapped(const Tensor& x, const std::string& layer);
  // torchvision's module paths that forward_tapped takes ("layer3", "layer4.2", "trunk_output"...).
  std::vector<std::string> layers() const;
  void check_layer(const std::string& layer) const;  // throws as forward_tapped does
  std::string default_layer() const;  // the last trunk block or stage; small_cnn: conv3

  // The live buffers; windows of them are the layers' tensors.
  const Tensor& parameters() const { return flat_.parameters; }  // [P]
  const Tensor& gradients() const { return flat_.gradients; }    // [P], written by backward
  const Tensor& statistics() const { return flat_.statistics; }  // [S]
  const std::vector<int64_t>& counters() const { return flat_.counters; }
  ModelState state() const;                  // a copy
  void set_state(const ModelState& state);   // copies in; sizes must agree
  bool borrows() const { return borrows_; }  // a BorrowedState lives: nothing may be written
  const std::vector<StateEntry>& entries() const { return flat_.entries; }
  int64_t parameter_count() const { return flat_.parameters.size(); }

  Network& network() { return *network_; }

 private:
  friend class BorrowedState;

  void check_sizes(const ModelState& state) const;
  void check_writable(const char* what) const;

  ModelSpec spec_;
  Context* context_;
  std::unique_ptr<Network> network_;
  FlatState flat_;
  bool training_ = false;
  bool borrows_ = false;
};

// While one lives, the model evaluates with the numbers of `state` where they lie, in any contexts
// of its device: nothing is copied, and what would write to them is refused. Then the model has its
// own numbers, counters and mode again. A tape that was recorded meanwhile is used up by then.
class BorrowedState {
 public:
  BorrowedState(Model& model, const ModelState& state);
  ~BorrowedState();  // NOLINT(bugprone-exception-escape)
  BorrowedState(const BorrowedState&) = delete;
  BorrowedState& operator=(const BorrowedState&) = delete;

 private:
  void exchange();  // of the model's tensors and counters for the other ones

  Model& model_;
  ModelState borrowed_;
  ModelState other_;  // what the model does not compute with now
  bool training_;
};

struct ArchInfo {
  std::string name;
  std::string doc;
};
const std::vector<ArchInfo>& architectures();  // for `fedcamae list models`

}  // namespace fedcamae
