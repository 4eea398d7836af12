#include "control-plane/cloudctl/files.h"

#include <sys/stat.h>

#include <istream>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/manifest.h"

namespace perigee::control {
namespace {

bool IsDirectory(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// One byte more than allowed is read, so that "too large" is told by the same words as at the server.
std::string ReadStream(std::istream& in) {
  std::string text(limits::kManifestBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

absl::StatusOr<v1::Manifest> ReadManifest(Session& session, const std::string& path) {
  v1::Manifest manifest;
  std::string content;
  if (path == "-") {
    manifest.set_file_name("standard input");
    content = ReadStream(session.in());
  } else {
    manifest.set_file_name(path);
    auto read = ReadFile(path, limits::kManifestBytes);
    if (absl::IsResourceExhausted(read.status())) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": the manifest is larger than ",
                                                     limits::kManifestBytes >> 20, " MiB; split it"));
    }
    PERIGEE_RETURN_IF_ERROR(read);
    content = *std::move(read);
  }
  if (const auto error = CheckText(content, manifest.file_name())) {
    return absl::InvalidArgumentError(FormatFieldError(*error));
  }
  manifest.set_content(std::move(content));
  return manifest;
}

absl::StatusOr<std::vector<std::string>> Expand(const std::string& path) {
  if (path == "-" || !IsDirectory(path)) return std::vector<std::string>{path};
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(path));
  std::vector<std::string> files;
  for (const std::string& name : names) {
    const bool manifest =
        absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml") || absl::EndsWith(name, ".json");
    const std::string file = absl::StrCat(path, absl::EndsWith(path, "/") ? "" : "/", name);
    if (manifest && !IsDirectory(file)) files.push_back(file);
  }
  if (files.empty())
    return absl::NotFoundError(absl::StrCat(path, ": there is no .yaml, .yml or .json in it"));
  return files;
}

}  // namespace

absl::StatusOr<std::vector<v1::Manifest>> ReadManifests(Session& session,
                                                        const std::vector<std::string>& paths) {
  std::vector<v1::Manifest> manifests;
  uint64_t bytes = 0;
  for (const std::string& path : paths) {
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> files, Expand(path));
    for (const std::string& file : files) {
      PERIGEE_ASSIGN_OR_RETURN(v1::Manifest manifest, ReadManifest(session, file));
      bytes += manifest.content().size();
      if (bytes > limits::kManifestBytes) {
        return absl::InvalidArgumentError(absl::StrCat(file, ": the manifests are larger than ",
                                                       limits::kManifestBytes >> 20,
                                                       " MiB together; apply them in parts"));
      }
      manifests.push_back(std::move(manifest));
    }
  }
  return manifests;
}

bool PrintFieldErrors(Session& session, const google::protobuf::RepeatedPtrField<v1::FieldError>& errors) {
  for (const v1::FieldError& error : errors) session.err() << PrintableLines(FormatFieldError(error)) << "\n";
  return !errors.empty();
}

}  // namespace perigee::control
