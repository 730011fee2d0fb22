#include "cli/schema.h"

#include <algorithm>

#include "data/dataset.h"
#include "data/partition.h"
#include "defense/registry.h"
#include "fl/attack.h"
#include "models/model.h"

namespace fedcamae {
namespace {

constexpr double kMany = 1e9;  // more than any count of rounds, clients or images

template <class Infos>
std::vector<std::string> names(const Infos& infos) {
  std::vector<std::string> result;
  for (const auto& info : infos) result.push_back(info.name);
  return result;
}

Option text(const std::string& name, const std::string& value, const std::string& doc,
            std::vector<std::string> choices = {}) {
  Option option{name, value, doc};
  option.choices = std::move(choices);
  return option;
}
Option count(const std::string& name, int64_t value, const std::string& doc, double low = 0,
             double high = kMany) {
  return {name, value, doc, low, high};
}
Option number(const std::string& name, double value, const std::string& doc, double low,
              double high) {
  return {name, value, doc, low, high};
}

Section run_section() {
  return {"run",
          {text("name", "", "part of the run folder's name; empty: the file's"),
           count("rounds", 10, "communication rounds", 1),
           count("seed", 0, "of every random number", 0, 9e15),
           {"seeds", std::vector<int64_t>{}, "several runs, one per seed, each in its sub folder",
            0, 9e15},
           text("device", "auto", "auto (the first GPU, else the CPU) | cpu | cuda[:i]"),
           count("workers", 0,
                 "clients that train at the same time; 0: cores / threads, on a GPU 4 at most", 0,
                 4096),
           count("threads", 0, "threads of each worker; 0: one", 0, 4096),
           text("precision", "f32",
                "f32: exact; tf32: faster products on a GPU; bf16: activations in half the memory",
                {"f32", "tf32", "bf16"}),
           text("conv_algorithms", "fixed",
                "a GPU's convolutions. fixed: the same algorithm for every shape; deterministic: "
                "the quickest whose sums keep their order; any: the quickest, other bits each run",
                {"fixed", "deterministic", "any"}),
           text("out", "", "run folder, new or empty; empty: runs/<time>-<name>")}};
}

Section data_section() {
  return {"data",
          {text("dataset", "fashion_mnist", "see `fedcamae list datasets`", names(datasets())),
           text("dir", "", "where its files are; empty: the default places"),
           {"augment", true, "random crops and flips that suit the data set"},
           count("train_images", 0, "use so many training images at most; 0: all"),
           count("server_images", 100, "training images the server keeps for itself", 1)}};
}

Section federation_section() {
  return {"federation",
          {count("clients", 24, "all clients, the attackers included", 1, 1e6),
           count("attackers", 0, "how many of the clients are malicious", 0, 1e6),
           number("fraction", 1.0, "of the clients that take part in a round, in (0, 1]", 0, 1),
           {"weighted", false, "average by sample counts instead of evenly"},
           count("epochs", 1, "local epochs", 1, 1e6),
           count("batch", 64, "images in a mini-batch", 1, 1e6),
           text("optimizer", "adam", "of the clients", {"sgd", "adam", "adamw"}),
           number("lr", 1e-3, "learning rate", 0, 1e3),
           number("momentum", 0.0, "sgd's", 0, 1),
           {"nesterov", false, "sgd with Nesterov momentum"},
           number("weight_decay", 0.0, "as PyTorch's optimisers take it", 0, 1e3),
           text("schedule", "constant", "of the learning rate, over rounds",
                {"constant", "step", "cosine"}),
           number("schedule_gamma", 0.1, "step: factor", 0, 1),
           count("schedule_every", 30, "step: rounds between two factors", 1)}};
}

std::vector<Section> make_sections() {
  return {run_section(),
          data_section(),
          {"model",
           {text("arch", "regnet_y_800mf", "see `fedcamae list models`", names(architectures())),
            count("classes", 0, "outputs of the network; 0: the data set's classes", 0, 1e6),
            text("weights", "", "safetensors file of the first global model; empty: fresh"),
            {"new_head", false, "fresh head where the file's has another size"}}},
          federation_section(),
          {"attack",
           {count("start", 1, "first round of the attack", 1),
            count("stop", 0, "last round of the attack; 0: to the end")}},
          {"defense",
           {count("f", 0, "how many malicious clients the defense is told to withstand", 0, 1e6)}},
          {"eval",
           {count("every", 1, "rounds between two evaluations; the last round always is one", 1),
            count("images", 0, "test images to evaluate on, a fixed random subset; 0: all")}},
          {"log",
           {count("heatmaps_every", 1, "rounds between two panels of heat maps; 0: never"),
            {"distances", false,
             "measure how far each update's weights are from the mean of the benign ones"}}}};
}

template <class Infos>
Choice make_choice(const std::string& table, const std::string& default_type, const Infos& infos) {
  Choice choice{table, default_type, {}};
  for (const auto& info : infos) choice.types.push_back({info.name, info.doc, info.options});
  return choice;
}

}  // namespace

const std::vector<Section>& sections() {
  static const std::vector<Section> made = make_sections();
  return made;
}

const std::vector<Choice>& choices() {
  static const std::vector<Choice> made = {make_choice("data.partition", "dirichlet", partitions()),
                                           make_choice("attack", "none", attacks()),
                                           make_choice("defense", "fedcamae", defenses())};
  return made;
}

}  // namespace fedcamae
