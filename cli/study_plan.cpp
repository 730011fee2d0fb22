#include "cli/study_plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/error.h"
#include "data/files.h"
#include "defense/registry.h"
#include "fl/attack.h"

namespace fedcamae {
namespace {

constexpr double kMany = 1e9;

// An entry of a list as far as it has been read.
struct Draft {
  std::string where;
  std::optional<std::string> type, name;
  std::vector<Setting> own;
};
using Drafts = std::map<int64_t, Draft>;

const std::string& text_of(const Setting& setting) {
  const auto* text = std::get_if<std::string>(&setting.value);
  if (text == nullptr || text->empty())
    fail(ErrorKind::kUsage, "{}: '{}' expects text, got {}", setting.where, setting.key,
         to_text(setting.value));
  return *text;
}

// In CSV files and Markdown tables a label stands as it is.
const std::string& label_of(const Setting& setting) {
  const std::string& text = text_of(setting);
  if (text.find_first_of(",\"|<>&\\") != std::string::npos ||
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 32; }))
    fail(ErrorKind::kUsage, "{}: a name stands in tables and cannot hold , \" | < > & or \\",
         setting.where);
  return text;
}

// "0.type" of an entry, or "" for the whole list.
void add_to_drafts(Drafts& drafts, const std::string& rest, const Setting& setting) {
  const auto* empty = std::get_if<std::vector<int64_t>>(&setting.value);
  if (rest.empty() || (rest == "." && setting.word.empty())) {
    if (rest.empty() && (empty == nullptr || !empty->empty()))
      fail(ErrorKind::kUsage, "{}: '{}' is a list of tables, as in [{{ type = \"...\" }}]",
           setting.where, setting.key);
    drafts.clear();
    return;
  }
  const size_t dot = rest.find('.', 1);
  const std::string number = rest.substr(1, dot - 1),
                    key = dot == std::string::npos ? std::string() : rest.substr(dot + 1);
  const bool digits = !number.empty() && number.size() < 6 &&
                      number.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || dot == std::string::npos)
    fail(ErrorKind::kUsage, "{}: '{}' is no key of an entry, such as study.attacks.0.type",
         setting.where, setting.key);
  Draft& draft = drafts[std::stoll(number)];
  if (draft.where.empty()) draft.where = setting.where;
  if (key == "type")
    draft.type = text_of(setting);
  else if (key == "name")
    draft.name = label_of(setting);
  else if (!key.empty())
    draft.own.push_back({key, setting.value, setting.where, setting.word});
}

template <class Infos>
const auto& find_info(const Infos& infos, const std::string& list, const Draft& draft) {
  if (!draft.type)
    fail(ErrorKind::kUsage, "{}: an entry of {} has no type, as in {{ type = \"{}\" }}",
         draft.where, list, infos[0].name);
  std::vector<std::string> names;
  for (const auto& info : infos) {
    if (info.name == *draft.type) return info;
    names.push_back(info.name);
  }
  const std::string near = nearest(*draft.type, names);
  fail(ErrorKind::kUsage, "{}: {} has no type '{}'{} (one of {})", draft.where, list, *draft.type,
       near.empty() ? "" : fmt::format(", did you mean '{}'?", near), fmt::join(names, ", "));
}

bool declares(const std::vector<Option>& options, const std::string& name) {
  return std::any_of(options.begin(), options.end(),
                     [&](const Option& option) { return option.name == name; });
}

template <class Info>
StudyEntry make_entry(const Info& info, const Draft& draft, std::optional<int64_t> f) {
  StudyEntry entry{draft.name.value_or(info.name), info.name, Options(info.options)};
  if (f && declares(info.options, "f")) entry.options.set("f", *f);
  for (const Setting& setting : draft.own) set_option(entry.options, setting.key, setting);
  try {
    info.make(entry.options);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", draft.where, error.what()));
  }
  return entry;
}

// The entries, the one of type `first` before all others.
template <class Infos>
std::vector<StudyEntry> make_entries(const Infos& infos, const std::string& list,
                                     const std::string& first, const Drafts& drafts,
                                     std::optional<int64_t> f) {
  std::vector<StudyEntry> entries;
  for (const auto& [number, draft] : drafts) {
    StudyEntry entry = make_entry(find_info(infos, list, draft), draft, f);
    for (const StudyEntry& other : entries)
      if (other.name == entry.name)
        fail(ErrorKind::kUsage, "{}: two entries of {} are called '{}'; give one another name",
             draft.where, list, entry.name);
    entries.push_back(std::move(entry));
  }
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const StudyEntry& entry) { return entry.type == first; });
  if (found != entries.end()) {
    std::rotate(entries.begin(), found, found + 1);
    return entries;
  }
  const Draft added{"study", first, std::nullopt, {}};
  for (const StudyEntry& entry : entries)
    if (entry.name == first)
      fail(ErrorKind::kUsage,
           "study: '{}' is the name of what every study has; call the {} another", first,
           entry.type);
  entries.insert(entries.begin(), make_entry(find_info(infos, list, added), added, f));
  return entries;
}

std::vector<size_t> chosen(const std::vector<StudyEntry>& entries, const std::string& option,
                           const std::vector<std::string>& names) {
  std::vector<size_t> result;
  for (const std::string& name : names)
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const StudyEntry& entry) { return entry.name == name; }))
      fail(ErrorKind::kUsage, "study.{}: nothing is called '{}'", option, name);
  for (size_t i = 0; i < entries.size(); ++i)
    if (i == 0 || names.empty() ||
        std::find(names.begin(), names.end(), entries[i].name) != names.end())
      result.push_back(i);
  return result;
}

std::string entries_toml(const std::string& list, const std::vector<StudyEntry>& entries) {
  std::string text = fmt::format("{} = [\n", list);
  for (const StudyEntry& entry : entries) {
    text += fmt::format("  {{ type = {}, name = {}", to_text(OptionValue(entry.type)),
                        to_text(OptionValue(entry.name)));
    for (const Option& option : entry.options.declared())
      text += fmt::format(", {} = {}", option.name, to_text(entry.options.value(option.name)));
    text += " },\n";
  }
  return text + "]\n";
}

template <class Infos>
auto maker(const Infos& infos, const StudyEntry& entry) {
  const auto info = std::find_if(infos.begin(), infos.end(),
                                 [&](const auto& one) { return one.name == entry.type; });
  return [make = info->make, options = entry.options] { return make(options); };
}

}  // namespace

const std::vector<Option>& study_options() {
  static const std::vector<Option> options = {
      {"rounds", std::vector<int64_t>{}, "rounds that are studied, ascending", 1, kMany},
      {"evaluate", true, "test the next models of all defenses; those of the mean always are"},
      {"closed_loop", int64_t{0},
       "live rounds of every attack against every defense, from the first studied round on", 0,
       kMany},
      {"closed_loop_attacks", std::vector<std::string>{}, "their names; empty: all"},
      {"closed_loop_defenses", std::vector<std::string>{}, "their names; empty: all"}};
  return options;
}

StudyPlan make_plan(const std::vector<Setting>& settings, const Config& config) {
  StudyPlan plan{Options(study_options()), {}, {}};
  Drafts attack_drafts, defense_drafts;
  for (const Setting& setting : settings) {
    const std::string key = setting.key.substr(std::string("study.").size());
    for (auto& [list, drafts] : {std::pair<std::string, Drafts*>{"attacks", &attack_drafts},
                                 {"defenses", &defense_drafts}})
      if (key == list || key.starts_with(list + "."))
        add_to_drafts(*drafts, key.substr(list.size()), setting);
    if (!key.empty() && !key.starts_with("attacks") && !key.starts_with("defenses"))
      set_option(plan.settings, key, setting);
  }
  plan.attacks = make_entries(attacks(), "study.attacks", "none", attack_drafts, std::nullopt);
  plan.defenses = make_entries(defenses(), "study.defenses", "mean", defense_drafts,
                               config.section("defense").integer("f"));
  return plan;
}

StudySpec make_study(const StudyPlan& plan) {
  StudySpec study;
  study.rounds = plan.settings.integers("rounds");
  for (size_t i = 1; i < plan.attacks.size(); ++i)
    study.attacks.emplace_back(maker(attacks(), plan.attacks[i]));
  for (const StudyEntry& defense : plan.defenses)
    study.defenses.emplace_back(maker(defenses(), defense));
  study.evaluate = plan.settings.flag("evaluate");
  study.closed_loop = plan.settings.integer("closed_loop");
  study.live_attacks =
      chosen(plan.attacks, "closed_loop_attacks", plan.settings.texts("closed_loop_attacks"));
  study.live_defenses =
      chosen(plan.defenses, "closed_loop_defenses", plan.settings.texts("closed_loop_defenses"));
  return study;
}

std::string plan_hash(Config config, const StudyPlan& plan) {
  config.section("data").set("dir", std::string());
  config.section("run").set("out", std::string());
  for (const char* count : {"workers", "threads"}) config.section("run").set(count, int64_t{0});
  const std::string text = config.to_toml() + plan_toml(plan);
  Hasher hasher;
  hasher.add(text.data(), text.size());
  return hasher.hex();
}

std::string plan_toml(const StudyPlan& plan) {
  std::string text = "[study]\n";
  for (const Option& option : study_options())
    text += fmt::format("{} = {}\n", option.name, to_text(plan.settings.value(option.name)));
  return text + entries_toml("attacks", plan.attacks) + entries_toml("defenses", plan.defenses);
}

}  // namespace fedcamae
