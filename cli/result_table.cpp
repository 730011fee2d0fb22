// The tables that end a run on stdout.
#include <filesystem>

#include "cli/meta.h"
#include "cli/progress.h"
#include "cli/run_report.h"
#include "defense/fedcamae_options.h"

namespace fedcamae {
namespace {

std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}%", 100 * *value) : "undefined";
}
std::string plain(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "undefined";
}

std::string row(const std::string& name, const std::string& value) {
  return fmt::format("{:<14} {}\n", name, value);
}

// What the numbers of FedCAMAE's detection come from, and what to expect of the published settings:
// with 128 hidden units and 200 epochs nothing but a blank map is reconstructed badly.
std::string reference_rows(const ReferenceSpec& spec) {
  const std::vector<int64_t>& hidden = spec.autoencoder.hidden;
  const int64_t epochs = spec.autoencoder.epochs, probes = spec.probe.count;
  const bool published = hidden == std::vector<int64_t>{128} && epochs == 200;
  const std::string reason =
      "learns every map that is not blank, the malicious ones too, and so detects little";
  return row("maps", fmt::format("{0} x {0} pixels, of {1} probe image{2} a round at {3} x {3}",
                                 spec.maps.side, probes, probes == 1 ? "" : "s", spec.probe.size)) +
         row("autoencoder",
             fmt::format("[{}] hidden, {} epochs", fmt::join(hidden, ", "), epochs)) +
         row("note", published
                         ? "the published autoencoder (these 128 hidden, 200 epochs) " + reason
                         : "the published autoencoder (128 hidden, 200 epochs) " + reason);
}

std::string central_rows(const CentralSpec& spec) {
  const std::string probes = spec.probe.count == 0
                                 ? fmt::format("the server's, {} at most", kMostProbes)
                                 : fmt::format("{} random", spec.probe.count);
  const std::string size =
      spec.probe.size == 0 ? "their own size" : fmt::format("{0} x {0}", spec.probe.size);
  return row("maps", fmt::format("at the layer's own resolution; probe images a round: {}, at {}",
                                 probes, size)) +
         row("channels", fmt::format("{}", fmt::join(spec.channels, ", ")));
}

std::string fedcamae_rows(const Options& own) {
  return own.text("variant") == "reference" ? reference_rows(reference_spec(own))
                                            : central_rows(central_spec(own));
}

}  // namespace

std::string result_table(const Config& config, const RunResult& result) {
  const Options &run = config.section("run"), &data = config.section("data"),
                &federation = config.section("federation"), &eval = config.section("eval");
  const Detection d = result.totals.detection();
  auto images = [](int64_t count) { return count == 0 ? "all" : std::to_string(count); };
  std::string text;
  text += row("run", fmt::format("{}: {} on {}, {} partition", run.text("name"),
                                 config.section("model").text("arch"), data.text("dataset"),
                                 config.type("data.partition")));
  text +=
      row("scale",
          fmt::format("{} of {} rounds, {} clients, {} train and {} test images",
                      result.totals.rounds(), run.integer("rounds"), federation.integer("clients"),
                      images(data.integer("train_images")), images(eval.integer("images"))));
  text += row("device",
              fmt::format("{} in {}, {} workers x {} threads", result.device, run.text("precision"),
                          run.integer("workers"), run.integer("threads")));
  text += row("attack", fmt::format("{} by {} clients", config.type("attack"),
                                    federation.integer("attackers")));
  text += row("defense", config.type("defense"));
  if (config.type("defense") == "fedcamae") text += fedcamae_rows(config.own("defense"));
  text += row("test accuracy", percent(result.totals.accuracy()));
  text += row("test loss", plain(result.totals.loss()));
  text += row("detection", fmt::format("TPR {}, FPR {}, precision {}, F1 {}, MCC {}, AUC {}",
                                       plain(d.tpr), plain(d.fpr), plain(d.precision), plain(d.f1),
                                       plain(d.mcc), plain(d.auc)));
  text += row("counts", fmt::format("TP {}, FP {}, TN {}, FN {}, not finite {}", d.tp, d.fp, d.tn,
                                    d.fn, d.nonfinite));
  if (std::filesystem::exists(result.path + "/heatmaps"))
    text += row("pictures", result.path + "/heatmaps");
  text += row("run folder", result.path);
  text += row("time", fmt::format("{}, peak memory {} MiB", duration_text(result.wall_seconds),
                                  peak_rss_bytes() >> 20));
  text.pop_back();
  return text;
}

std::string seeds_table(const std::vector<int64_t>& seeds, const std::vector<RunResult>& results) {
  std::string text = fmt::format("{:>8} {:>12} {:>10} {:>10} {:>10} {:>10}\n", "seed", "state",
                                 "accuracy", "TPR", "FPR", "AUC");
  for (size_t i = 0; i < results.size(); ++i) {
    const Detection d = results[i].totals.detection();
    text += fmt::format("{:>8} {:>12} {:>10} {:>10} {:>10} {:>10}\n", seeds[i],
                        end_name(results[i].end), percent(results[i].totals.accuracy()),
                        plain(d.tpr), plain(d.fpr), plain(d.auc));
  }
  const Spread accuracy = accuracy_spread(results);
  text += fmt::format("accuracy: mean {}, standard deviation {}", percent(accuracy.mean),
                      percent(accuracy.std));
  return text;
}

}  // namespace fedcamae
