// fedcamae eval: accuracy, loss and per-class figures on a test set.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/compute.h"
#include "core/error.h"
#include "fl/train.h"

namespace fedcamae {
namespace {

std::string class_name(const Dataset& data, size_t index) {
  return index < data.class_names.size() ? data.class_names[index] : std::to_string(index);
}

void print_json(const Evaluation& result, const Dataset& data) {
  nlohmann::ordered_json json = {{"dataset", data.name},
                                 {"count", result.count},
                                 {"accuracy", result.accuracy},
                                 {"loss", result.loss},
                                 {"per_class", nlohmann::ordered_json::array()}};
  for (size_t i = 0; i < static_cast<size_t>(data.classes); ++i) {
    const int64_t count = result.class_count[i], correct = result.class_correct[i];
    nlohmann::ordered_json row = {{"class", i},
                                  {"name", class_name(data, i)},
                                  {"count", count},
                                  {"correct", correct},
                                  {"accuracy", nullptr}};
    if (count > 0) row["accuracy"] = static_cast<double>(correct) / static_cast<double>(count);
    json["per_class"].push_back(row);
  }
  fmt::print("{}\n", json.dump());
}

void print_table(const Evaluation& result, const Dataset& data) {
  fmt::print("{:<20} {:>8} {:>8} {:>9}\n", "class", "images", "correct", "accuracy");
  for (size_t i = 0; i < static_cast<size_t>(data.classes); ++i) {
    const int64_t count = result.class_count[i], correct = result.class_correct[i];
    const std::string share = count == 0
                                  ? "-"
                                  : fmt::format("{:.2f}%", 100.0 * static_cast<double>(correct) /
                                                               static_cast<double>(count));
    fmt::print("{:<20} {:>8} {:>8} {:>9}\n", class_name(data, i), count, correct, share);
  }
  fmt::print("{} test images: accuracy {:.2f}%, loss {:.4f}\n", result.count, 100 * result.accuracy,
             result.loss);
}

}  // namespace

int eval_command(const EvalFlags& f) {
  require_choice("--dataset", f.dataset, dataset_names());
  require_range("--batch", static_cast<double>(f.batch), 1, 1e6);
  const std::unique_ptr<Context> context = make_context(f.compute);
  const LoadedModel loaded = open_model(f.model, *context, 0);
  // The training part is read only where nothing else tells mean and std.
  const bool told = (loaded.info.mean && loaded.info.std) ||
                    (!f.normalization.mean.empty() && !f.normalization.std.empty());
  const Dataset data =
      load_dataset({.name = f.dataset, .data_dir = f.data_dir, .need_train = !told});
  if (f.model.classes < data.classes)
    fail(ErrorKind::kUsage, "--classes {} is fewer than the {} classes of {}", f.model.classes,
         data.classes, f.dataset);
  const Normalization normalization =
      choose_normalization(f.normalization, loaded.info, data.normalization);
  std::vector<int64_t> indices(static_cast<size_t>(data.test.count()));
  std::iota(indices.begin(), indices.end(), 0);
  const Evaluation result = evaluate(*loaded.model, data.test, indices, normalization, f.batch);
  if (f.json) {
    print_json(result, data);
  } else {
    print_table(result, data);
  }
  return 0;
}

}  // namespace fedcamae
