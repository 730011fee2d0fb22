// fedcamae run, as a child process: the run folder of a tiny federation, and how a run ends.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "data/image_io.h"
#include "models/safetensors.h"
#include "tests/cli/support.h"

namespace fs = std::filesystem;
using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

using Words = std::vector<std::string>;

// Six clients, two of them malicious, on images that the test made.
constexpr const char* kTiny = R"(
[run]
name = "tiny"
rounds = 2
seed = 3
device = "cpu"
[data]
dataset = "cifar10"
server_images = 20
partition = { type = "iid" }
[model]
arch = "small_cnn"
[federation]
clients = 6
attackers = 2
batch = 16
lr = 0.01
[attack]
type = "sign_flip"
[defense]
type = "fedcamae"
size = 32
variant = "reference"
map_side = 8
epochs = 20
[eval]
images = 30
)";

struct Runner {
  TemporaryFolder folder;
  Runner() {
    write_file(file("tiny.toml"), kTiny);
    write_cifar10(file("data"), 200, 40);
  }
  std::string file(const std::string& name) const { return folder.file(name); }
  Words command(const std::string& out, const Words& more) const {
    Words words = {"run", file("tiny.toml"), "--data-dir", file("data"), "--out", file(out)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  ProgramResult run(const std::string& out, const Words& more = {}) const {
    return run_fedcamae(command(out, more));
  }
  std::string weights(const std::string& out) const {
    return read_text(file(out + "/model.safetensors"));
  }
};

// No temporary name is left anywhere below `folder`.
void check_whole(const std::string& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    CHECK_FALSE(contains(entry.path().filename().string(), ".part"));
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result(1);
  for (char c : line) {
    if (c == ',')
      result.emplace_back();
    else
      result.back() += c;
  }
  return result;
}

// Every row of the list has calls and a time; their shares add up to 1.
void check_shares(const nlohmann::json& list) {
  double sum = 0;
  for (const nlohmann::json& row : list) {
    CHECK(row["calls"].get<int64_t>() > 0);
    CHECK(row["total_ms"].get<double>() >= 0);
    sum += row["share"].get<double>();
  }
  CHECK(sum == doctest::Approx(1));
}

}  // namespace

TEST_CASE("a run fills its folder") {
  const Runner r;
  const ProgramResult result = r.run("out", {"--workers", "2", "--threads", "1"});
  REQUIRE(result.code == 0);
  check_plain(result);
  CHECK(contains(result.err, "round 2/2"));
  CHECK(contains(result.err, "label entropy"));
  CHECK(contains(result.out, "test accuracy"));
  CHECK(contains(result.out, "heatmaps"));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(r.file("out")))
    names.insert(entry.path().filename().string());
  CHECK(names == std::set<std::string>{"config.toml", "meta.json", "metrics.csv", "metrics.jsonl",
                                       "clients.csv", "heatmaps", "summary.json",
                                       "model.safetensors"});
  check_whole(r.file("out"));

  const Words clients = lines_of(read_text(r.file("out/clients.csv")));
  REQUIRE(clients.size() == 1 + 2 * 6);
  CHECK(clients[0] == "round,client,samples,loss,score,threshold,accepted,malicious,distance");
  std::set<std::string> malicious, ids;
  int64_t samples = 0;
  for (size_t i = 1; i < clients.size(); ++i) {
    const Words row = cells(clients[i]);
    REQUIRE(row.size() >= 8);
    CHECK(row[0] == std::to_string((i - 1) / 6 + 1));
    ids.insert(row[1]);
    if (row[7] == "1") malicious.insert(row[1]);
    if (row[0] == "1") samples += std::stoll(row[2]);
    CHECK(std::stod(row[4]) >= 0);
  }
  CHECK(ids.size() == 6);
  CHECK(malicious.size() == 2);
  CHECK(samples == 200 - 20);  // the server's images are in nobody's shard

  const nlohmann::json meta = parse_json(read_text(r.file("out/meta.json")));
  CHECK(meta["build"].contains("version"));
  CHECK(meta["build"].contains("git"));
  CHECK(meta["build"].contains("libraries"));
  CHECK(meta["machine"].contains("processor"));
  CHECK(meta["device"]["device"] == "cpu");
  CHECK(contains(meta["device"]["name"].get<std::string>(), "cpu ("));
  CHECK(meta["data"]["hash"].get<std::string>().size() == 16);
  for (int round : {1, 2}) {
    const Picture panel =
        read_picture(r.file("out/heatmaps/round-000" + std::to_string(round) + ".png"));
    CHECK(panel.width > 600);
  }
}

TEST_CASE("--profile: phases and primitives, summed over the workers, and the same weights") {
  const Runner r;
  const Words two = {"--workers", "2", "--threads", "1"};
  const ProgramResult plain = r.run("plain", two);
  const ProgramResult result = r.run("out", {"--profile", "--workers", "2", "--threads", "1"});
  REQUIRE(result.code == 0);
  check_plain(result);
  CHECK(contains(result.out, "sums over 2 workers"));
  CHECK(contains(result.out, "conv2d_backward_weight"));
  CHECK_FALSE(contains(plain.out, "conv2d"));
  CHECK_FALSE(fs::exists(r.file("plain/profile.json")));
  CHECK(r.weights("out") == r.weights("plain"));
  check_whole(r.file("out"));

  const nlohmann::json profile = parse_json(read_text(r.file("out/profile.json")));
  CHECK(profile["workers"] == 2);
  check_shares(profile["phases"]);
  std::map<std::string, nlohmann::json> phases, primitives;
  for (const nlohmann::json& row : profile["phases"]) phases[row["phase"]] = row;
  for (const nlohmann::json& row : profile["primitives"]) primitives[row["primitive"]] = row;
  for (const char* name : {"data", "client training", "attack", "maps", "autoencoder", "defense",
                           "aggregation", "evaluation"}) {
    CAPTURE(name);
    CHECK(phases.count(name) == 1);
  }
  // Two rounds of six clients; one batch of 30 test images a round.
  CHECK(phases["client training"]["calls"] == 12);
  CHECK(phases["evaluation"]["calls"] == 2);
  // A client's 30 images are two batches of 16: a step has one loss and three convolutions, whose
  // weights take their Adam step on the way.
  CHECK(primitives["softmax_cross_entropy_backward"]["calls"] == 24);
  CHECK(primitives["conv2d_backward_weight_adam"]["calls"] == 72);
  CHECK(primitives["conv2d_backward_data"]["calls"] == 48);  // not of the images
  // What a phase's primitives take is within the phase.
  for (const nlohmann::json& phase : profile["phases"]) {
    CAPTURE(phase.dump());
    double inside = 0;
    for (const nlohmann::json& row : phase["primitives"]) inside += row["total_ms"].get<double>();
    CHECK(inside <= phase["total_ms"].get<double>() * 1.0001);
  }
}

TEST_CASE(
    "--profile --json prints the summary alone; with several seeds each folder has a profile") {
  const Runner r;
  const ProgramResult result =
      r.run("out", {"--profile", "--json", "--set", "run.seeds=[1, 2]", "run.rounds=1"});
  REQUIRE(result.code == 0);
  parse_json(result.out);
  for (const char* seed : {"seed-1", "seed-2"})
    CHECK(parse_json(read_text(r.file(std::string("out/") + seed + "/profile.json")))
              .contains("phases"));
}

TEST_CASE("what the first defense would refuse is refused before anything is trained") {
  const Runner r;
  check_refusal(r.run("out", {"--set", "defense.layer=conv9"}), 2, "did you mean 'conv");
  check_refusal(r.run("out", {"--set", "defense.probes=21"}), 2, "raise data.server_images");
  CHECK_FALSE(fs::exists(r.file("out")));
}

TEST_CASE("summary.json is what --json prints, and agrees with the tables") {
  const Runner r;
  const ProgramResult result = r.run("out", {"--json"});
  REQUIRE(result.code == 0);
  const nlohmann::json summary = parse_json(result.out);
  CHECK(summary == parse_json(read_text(r.file("out/summary.json"))));
  CHECK(summary["rounds"] == 2);
  CHECK(summary["state"] == "done");
  CHECK(summary["wall_s"].get<double>() > 0);
  CHECK(summary["peak_rss_bytes"].get<int64_t>() > 1 << 20);
  for (const char* key : {"tpr", "fpr", "precision", "f1", "mcc", "auc"})
    CHECK(summary["detection"].contains(key));

  const Words lines = lines_of(read_text(r.file("out/metrics.jsonl")));
  REQUIRE(lines.size() == 2);
  const nlohmann::json last = parse_json(lines[1]);
  CHECK(summary["final"]["accuracy"] == last["accuracy"]);
  CHECK(summary["final"]["loss"] == last["loss"]);
  int64_t tp = 0, positives = 0, negatives = 0;
  for (const std::string& line : lines) {
    const nlohmann::json row = parse_json(line);
    tp += row["tp"].get<int64_t>();
    positives += row["tp"].get<int64_t>() + row["fn"].get<int64_t>();
    negatives += row["fp"].get<int64_t>() + row["tn"].get<int64_t>();
  }
  CHECK(positives == 2 * 2);
  CHECK(negatives == 2 * 4);
  CHECK(summary["detection"]["tpr"].get<double>() == static_cast<double>(tp) / 4);
  CHECK(lines_of(read_text(r.file("out/metrics.csv"))).size() == 3);

  // The weights are those of the last round: eval on all 40 test images runs with them.
  const ProgramResult eval = run_fedcamae({"eval", "--model", "small_cnn", "--classes", "10",
                                           "--weights", r.file("out/model.safetensors"),
                                           "--dataset", "cifar10", "--data-dir", r.file("data")});
  CHECK(eval.code == 0);
}

TEST_CASE("the weights are the same bits for any workers and threads, and for config.toml again") {
  const Runner r;
  CHECK(r.run("a", {"--workers", "1", "--threads", "1"}).code == 0);
  CHECK(r.run("b", {"--workers", "2", "--threads", "1"}).code == 0);
  CHECK(r.run("c", {"--workers", "1", "--threads", "2"}).code == 0);
  CHECK(r.run("d", {"--workers", "2", "--seed", "4"}).code == 0);
  CHECK(r.weights("a").size() > 24346 * sizeof(float));
  CHECK(r.weights("b") == r.weights("a"));
  CHECK(r.weights("c") == r.weights("a"));
  CHECK(r.weights("d") != r.weights("a"));
  CHECK(read_text(r.file("b/clients.csv")) == read_text(r.file("a/clients.csv")));
  CHECK(run_fedcamae({"run", r.file("a/config.toml"), "--out", r.file("e")}).code == 0);
  CHECK(r.weights("e") == r.weights("a"));
}

TEST_CASE("bf16: a whole run with its heat maps, the same bits for any threads, and again") {
  const Runner r;
  const Words narrow = {"--device", "cpu", "--precision", "bf16", "--threads"};
  const auto run = [&](const std::string& out, const std::string& threads) {
    Words words = narrow;
    words.push_back(threads);
    CHECK(r.run(out, words).code == 0);
    return r.weights(out);
  };
  const std::string one = run("a", "1");
  CHECK(run("b", "3") == one);
  CHECK(contains(read_text(r.file("a/config.toml")), "precision = \"bf16\"\n"));
  CHECK(run_fedcamae({"run", r.file("a/config.toml"), "--out", r.file("c")}).code == 0);
  CHECK(r.weights("c") == one);
  CHECK(parse_json(read_text(r.file("a/summary.json")))["state"] == "done");
  CHECK(r.run("d").code == 0);
  CHECK(r.weights("d") != one);
  check_refusal(r.run("e", {"--device", "cpu", "--precision", "tf32"}), 2, "tf32 is a GPU's");
  CHECK_FALSE(fs::exists(r.file("e")));
}

TEST_CASE("settings are taken from the flags, --set, the environment and the file, in this order") {
  const Runner r;
  const ProgramResult result =
      run_fedcamae(r.command("out", {"--seed", "9", "--set", "run.seed=8", "federation.lr=0.5",
                                     "run.rounds=1", "--set", "federation.batch=20"}),
                   {"FEDCAMAE_FEDERATION__LR=0.25", "FEDCAMAE_FEDERATION__CLIENTS=5"});
  REQUIRE(result.code == 0);
  const std::string config = read_text(r.file("out/config.toml"));
  for (const char* line : {"seed = 9\n", "lr = 0.5\n", "rounds = 1\n", "batch = 20\n",
                           "clients = 5\n", "attackers = 2\n", "optimizer = \"adam\"\n"})
    CHECK(contains(config, line));
}

TEST_CASE("--set may stand before the file's name, with several values") {
  const Runner r;
  const ProgramResult result =
      run_fedcamae({"run", "--set", "run.rounds=1", "federation.lr=0.5", r.file("tiny.toml"),
                    "--data-dir", r.file("data"), "--out", r.file("out")});
  CHECK(result.code == 0);
  CHECK(contains(read_text(r.file("out/config.toml")), "lr = 0.5\n"));
}

TEST_CASE("what cannot be run is refused before anything is made") {
  const Runner r;
  write_file(r.file("wrong.toml"), "[federation]\nclints = 5\n");
  check_refusal(run_fedcamae({"run", r.file("wrong.toml"), "--out", r.file("out")}), 2,
                "wrong.toml:2: unknown key 'federation.clints', did you mean 'clients'?");
  check_refusal(r.run("out", {"--set", "defense.type=medoid"}), 2, "multi_krum");
  check_refusal(r.run("out", {"--set", "model.classes=5"}), 2, "model.classes");
  check_refusal(
      r.run("out", {"--set", "attack.type=label_flip", "attack.mode=targeted", "attack.source=10"}),
      2, "class 10 is not in the data");
  check_refusal(r.run("out", {"--set", "model.weights=/nowhere.safetensors"}), 3, "/nowhere");
  check_refusal(run_fedcamae({"run", r.file("tiny.toml"), "--data-dir", r.file("none"), "--out",
                              r.file("out"), "--set", "data.dir=" + r.file("data")}),
                3, r.file("none"));
  check_refusal(r.run("out", {"--device", "cuda:0"}), 4, "cuda:0");
  fs::remove(r.file("data/test_batch.bin"));
  check_refusal(r.run("out"), 3, "test");
  write_file(r.file("data/test_batch.bin"), "short");
  check_refusal(r.run("out"), 3, "test_batch.bin");
  CHECK_FALSE(fs::exists(r.file("out")));
  check_refusal(r.run("data"), 2, "not empty");
  CHECK(std::distance(fs::directory_iterator(r.file("data")), {}) == 2);
}

TEST_CASE("several seeds are several runs and one summary") {
  const Runner r;
  const ProgramResult result = r.run("out", {"--set", "run.seeds=[4,5]", "run.rounds=1", "--json"});
  REQUIRE(result.code == 0);
  const nlohmann::json summary = parse_json(result.out);
  CHECK(summary == parse_json(read_text(r.file("out/summary.json"))));
  REQUIRE(summary["runs"].size() == 2);
  const double first = summary["runs"][0]["final"]["accuracy"],
               second = summary["runs"][1]["final"]["accuracy"];
  CHECK(summary["accuracy"]["mean"].get<double>() == doctest::Approx((first + second) / 2));
  CHECK(r.weights("out/seed-4") != r.weights("out/seed-5"));
  CHECK(contains(read_text(r.file("out/seed-5/config.toml")), "seed = 5\n"));
}

TEST_CASE("a run that diverges records it and leaves with 5") {
  const Runner r;
  // Finite uploads whose mean is not: twice the largest float over two clients.
  const ProgramResult result =
      r.run("out", {"--set", "defense.type=mean", "attack.type=noise", "attack.low=3e38",
                    "attack.high=3.3e38", "run.rounds=5"});
  CHECK(result.code == 5);
  CHECK(contains(result.err, "diverged"));
  const nlohmann::json summary = parse_json(read_text(r.file("out/summary.json")));
  CHECK(summary["state"] == "diverged");
  CHECK(summary["rounds"].get<int>() < 5);
  CHECK(lines_of(read_text(r.file("out/metrics.csv"))).size() ==
        1 + summary["rounds"].get<size_t>());
}

TEST_CASE("an interrupted run keeps its complete rounds, whole, and leaves with 128 + signal") {
  for (int signal : {SIGINT, SIGTERM}) {
    const Runner r;
    const ProgramResult result =
        run_fedcamae(r.command("out", {"--set", "run.rounds=100000"}), {}, signal,
                     [](const std::string& err) { return contains(err, "round 2/"); });
    CHECK(result.code == 128 + signal);
    CHECK(contains(result.err, "interrupted after"));
    check_whole(r.file("out"));
    const nlohmann::json summary = parse_json(read_text(r.file("out/summary.json")));
    CHECK(summary["state"] == "interrupted");
    const auto rounds = summary["rounds"].get<size_t>();
    CHECK(rounds >= 2);
    const Words metrics = lines_of(read_text(r.file("out/metrics.csv")));
    CHECK(metrics.size() == 1 + rounds);
    CHECK(cells(metrics.back()).size() == cells(metrics.front()).size());
    CHECK(lines_of(read_text(r.file("out/clients.csv"))).size() == 1 + 6 * rounds);
    CHECK(SafeTensors::read(r.file("out/model.safetensors")).tensors().size() > 10);
    CHECK(read_picture(r.file("out/heatmaps/round-0002.png")).width > 0);
  }
}
