// What every reader needs: whole files with a clear error, gzip, where a data set lies, its hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fedcamae {

using Bytes = std::vector<uint8_t>;

// Throws Error{kData} where the path is missing, a folder, empty or unreadable.
Bytes read_file(const std::filesystem::path& path);

// The content of a gzip file, or the bytes themselves where they do not begin as one. Throws
// Error{kData} for a truncated or corrupt stream and for more than `most` bytes.
Bytes gunzip(const Bytes& bytes, const std::filesystem::path& path, size_t most);

// XXH3, 64 bits, in hexadecimal.
class Hasher {
 public:
  Hasher();
  void add(const void* data, size_t bytes);
  void add(const Bytes& bytes) { add(bytes.data(), bytes.size()); }
  std::string hex() const;

 private:
  std::shared_ptr<void> state_;
};

// The folder that holds one of `files`: `data_dir` or one of its subfolders `aliases`; for an empty
// `data_dir` the same below $FEDCAMAE_DATA_DIR, $XDG_DATA_HOME/fedcamae (or
// ~/.local/share/fedcamae) and /usr/share/datasets. Throws Error{kData} naming the places.
std::filesystem::path find_folder(const std::string& dataset, const std::string& data_dir,
                                  const std::vector<std::string>& aliases,
                                  const std::vector<std::string>& files);

// The files of `folder` that match a shell pattern, sorted by name; none where it is no folder.
std::vector<std::filesystem::path> matches(const std::filesystem::path& folder,
                                           const std::string& pattern);

// The first of `names` (shell patterns) that is in `folder`, or an empty path.
std::filesystem::path first_of(const std::filesystem::path& folder,
                               const std::vector<std::string>& names);

}  // namespace fedcamae
