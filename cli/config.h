// A configuration: defaults, then layers of settings over them, each checked as it is laid on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/schema.h"
#include "cli/toml_file.h"
#include "core/options.h"

namespace fedcamae {

// Options::set; a text option takes a typed word as it is, an empty list fits every list, and an
// error begins with the setting's place.
void set_option(Options& options, const std::string& name, const Setting& setting);

class Config {
 public:
  Config();  // the defaults

  // Settings of a later layer win. Choosing another type of attack, defense or partition drops the
  // options that an earlier layer gave to the type before it. Throws Error{kUsage} that begins with
  // the setting's place.
  void apply(const std::vector<Setting>& layer);

  const Options& section(const std::string& name) const;    // "federation"
  const std::string& type(const std::string& table) const;  // "attack", "data.partition"
  // The chosen type's own options; a defense that declares `f` finds it here.
  Options own(const std::string& table) const;
  Options& section(const std::string& name);

  // The whole of it, as a file that gives the same configuration again.
  std::string to_toml() const;

 private:
  struct Chosen {
    const Choice* choice = nullptr;
    std::string type;
    Options own;
  };
  void choose(Chosen& chosen, const Setting& setting);
  void assign(const Setting& setting);
  [[noreturn]] void unknown(const Setting& setting) const;

  std::map<std::string, Options> sections_;
  std::map<std::string, Chosen> chosen_;
};

// FEDCAMAE_<SECTION>__<KEY>=value, e.g. FEDCAMAE_FEDERATION__LR=0.01.
std::vector<Setting> environment_settings(char** environment);

}  // namespace fedcamae
