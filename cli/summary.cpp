// fedcamae summary: layers, shapes and sizes of a model.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "cli/commands.h"
#include "core/error.h"
#include "models/summary.h"

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;

struct Input {
  int64_t height, width;
};

// "3x224x224": channels, height, width, as a person writes them.
Input parse_input(const std::string& text) {
  int64_t sizes[3] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  bool good = true;
  for (int i = 0; i < 3 && good; ++i) {
    const auto [stop, error] = std::from_chars(at, end, sizes[i]);
    good = error == std::errc() && (i == 2 ? stop == end : stop != end && *stop == 'x');
    if (good && i < 2) at = stop + 1;
  }
  if (!good)
    fail(ErrorKind::kUsage, "--input: expected channels x height x width as in 3x224x224, got '{}'",
         text);
  if (sizes[0] != 3)
    fail(ErrorKind::kUsage, "--input: the models take 3 channels, got {}", sizes[0]);
  require_range("--input height", static_cast<double>(sizes[1]), 1, 8192);
  require_range("--input width", static_cast<double>(sizes[2]), 1, 8192);
  return {sizes[1], sizes[2]};
}

// Of one image, in the order a person knows: [c, h, w] or [c].
std::vector<int64_t> outer_shape(const Shape& shape) {
  if (shape.rank() == 4) return {shape[3], shape[1], shape[2]};
  return {shape[shape.rank() - 1]};
}

Json rows_json(const std::vector<SummaryRow>& rows) {
  Json json = Json::array();
  for (const SummaryRow& row : rows)
    json.push_back({{"path", row.path},
                    {"type", row.type},
                    {"output", outer_shape(row.output)},
                    {"parameters", row.parameters},
                    {"macs", row.macs}});
  return json;
}

void print_rows(const std::string& title, const std::vector<SummaryRow>& rows) {
  size_t width = title.size();
  for (const SummaryRow& row : rows) width = std::max(width, row.path.size());
  fmt::print("{:<{}}  {:<18} {:>14} {:>11} {:>14}\n", title, width, "type", "output", "parameters",
             "macs");
  for (const SummaryRow& row : rows)
    fmt::print("{:<{}}  {:<18} {:>14} {:>11} {:>14}\n", row.path, width, row.type,
               fmt::format("{}", fmt::join(outer_shape(row.output), "x")), row.parameters,
               row.macs);
}

}  // namespace

int summary_command(const SummaryFlags& f) {
  require_choice("summary", f.arch, architecture_names());
  require_range("--classes", static_cast<double>(f.classes), 1, 1e6);
  const Input input = parse_input(f.input);
  Context context{ContextOptions{}};
  Model model({f.arch, f.classes}, context);
  model.initialize(0);
  const ModelSummary summary = summarize(model, input.height, input.width);
  if (f.json) {
    const Json json = {{"model", f.arch},
                       {"classes", f.classes},
                       {"input", {3, input.height, input.width}},
                       {"parameters", summary.parameters},
                       {"macs", summary.macs},
                       {"default_layer", model.default_layer()},
                       {"explain_layers", rows_json(summary.taps)},
                       {"layers", rows_json(summary.rows)}};
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  print_rows("layer", summary.rows);
  fmt::print("\n");
  print_rows("explain --layer", summary.taps);
  fmt::print("\n{} for {} classes, input {}: {} parameters, {} multiply-adds an image\n", f.arch,
             f.classes, f.input, summary.parameters, summary.macs);
  fmt::print("explain looks at {} where no --layer is given\n", model.default_layer());
  return 0;
}

}  // namespace fedcamae
