#include "shared/client/context.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/manifest.h"
#include "shared/resource/node.h"
#include "shared/resource/validate.h"

namespace perigee {
namespace {

constexpr uint64_t kContextFileBytes = 256 << 10;
constexpr uint64_t kCredentialBytes = 64 << 10;
constexpr uint32_t kPrivate = 0600;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string CredentialDirectory(const ContextFile& file, const Context& context) {
  return absl::StrCat(DirectoryOf(file.path), "/contexts/", context.name);
}

std::string TextAt(const Node& node, std::string_view key) {
  const Node* found = node.Find(key);
  return found != nullptr && found->is_scalar() ? found->text : "";
}

// Keys and server names are in it, so nobody else may read or write it.
absl::Status CheckPrivate(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("looking at ", path));
  if ((info.st_mode & 077) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(path, " can be read by others; make it yours only: chmod 600 ", path));
}

absl::StatusOr<Context> ReadContext(const Node& node) {
  Context context;
  context.name = TextAt(node, "name");
  PERIGEE_RETURN_IF_ERROR(ValidateName(context.name));
  context.server = TextAt(node, "server");
  context.grpc = TextAt(node, "grpc");
  context.ca_hash = TextAt(node, "caHash");
  context.user = TextAt(node, "user");
  context.project = TextAt(node, "project");
  return context;
}

Node WriteContext(const Context& context) {
  Node node = Node::Map();
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) node.Add(key, Node::Quoted(value));
  };
  add("name", context.name);
  add("server", context.server);
  add("grpc", context.grpc);
  add("caHash", context.ca_hash);
  add("user", context.user);
  add("project", context.project);
  return node;
}

}  // namespace

const Context* ContextFile::Find(std::string_view name) const {
  const auto found = std::find_if(contexts.begin(), contexts.end(),
                                  [&](const Context& context) { return context.name == name; });
  return found == contexts.end() ? nullptr : &*found;
}

void ContextFile::Put(Context context) {
  for (Context& old : contexts) {
    if (old.name == context.name) {
      old = std::move(context);
      return;
    }
  }
  contexts.push_back(std::move(context));
}

absl::StatusOr<std::string> ContextFilePath() {
  const char* named = std::getenv("PERIGEE_CONFIG");
  if (named != nullptr && *named != '\0') return std::string(named);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    return absl::FailedPreconditionError(
        "neither PERIGEE_CONFIG nor HOME is set; set PERIGEE_CONFIG to a file name");
  }
  return absl::StrCat(home, "/.config/perigee/config.yaml");
}

absl::StatusOr<ContextFile> LoadContextFile(const std::string& path) {
  ContextFile file;
  file.path = path;
  if (!FileExists(path)) return file;
  PERIGEE_RETURN_IF_ERROR(CheckPrivate(path));
  PERIGEE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kContextFileBytes));
  const ReadDocuments read = ReadYaml(text, path);
  if (read.error) return absl::InvalidArgumentError(FormatFieldError(*read.error));
  if (read.documents.empty()) return file;
  file.current = TextAt(read.documents[0], "currentContext");
  const Node* contexts = read.documents[0].Find("contexts");
  if (contexts == nullptr) return file;
  for (const Node& item : contexts->items) {
    auto context = ReadContext(item);
    if (!context.ok()) return Annotate(context.status(), absl::StrCat(path, ": a context's name"));
    file.contexts.push_back(*std::move(context));
  }
  return file;
}

absl::Status SaveContextFile(const ContextFile& file) {
  if (!FileExists(DirectoryOf(file.path))) {
    PERIGEE_RETURN_IF_ERROR(EnsureDirectory(DirectoryOf(file.path), 0700));
  }
  Node root = Node::Map();
  root.Add("currentContext", Node::Quoted(file.current));
  Node& contexts = root.Add("contexts", Node::List());
  for (const Context& context : file.contexts) contexts.items.push_back(WriteContext(context));
  return WriteFileAtomically(file.path, NodeToYaml(root), kPrivate);
}

absl::StatusOr<Context> ChooseContext(const ContextFile& file, std::string_view name) {
  const std::string wanted = name.empty() ? file.current : std::string(name);
  if (wanted.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "not logged in (no context in ", file.path,
        "); run: cloudctl login https://HOST:7443 --ca-hash sha256:HASH --user admin --password-file FILE"));
  }
  const Context* context = file.Find(wanted);
  if (context == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no context ", wanted, " in ", file.path, "; see: cloudctl context list"));
  }
  return *context;
}

absl::StatusOr<Credentials> LoadCredentials(const ContextFile& file, const Context& context) {
  const std::string directory = CredentialDirectory(file, context);
  const auto read = [&](const char* name) -> absl::StatusOr<std::string> {
    auto text = ReadFile(absl::StrCat(directory, "/", name), kCredentialBytes);
    if (text.ok()) return text;
    return absl::FailedPreconditionError(absl::StrCat(
        "context ", context.name, ": ", text.status().message(), "; log in again: cloudctl login ",
        context.server, " --ca-hash ", context.ca_hash, " --user ", context.user));
  };
  Credentials credentials;
  PERIGEE_ASSIGN_OR_RETURN(credentials.roots_pem, read("ca.pem"));
  PERIGEE_ASSIGN_OR_RETURN(credentials.chain_pem, read("client.pem"));
  PERIGEE_ASSIGN_OR_RETURN(credentials.key_pem, read("client.key"));
  PERIGEE_RETURN_IF_ERROR(CheckPrivate(absl::StrCat(directory, "/client.key")));
  return credentials;
}

absl::Status SaveCredentials(const ContextFile& file, const Context& context,
                             const Credentials& credentials) {
  PERIGEE_RETURN_IF_ERROR(ValidateName(context.name));
  const std::string directory = CredentialDirectory(file, context);
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(directory, 0700));
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(directory + "/ca.pem", credentials.roots_pem, kPrivate));
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(directory + "/client.key", credentials.key_pem, kPrivate));
  return WriteFileAtomically(directory + "/client.pem", credentials.chain_pem, kPrivate);
}

}  // namespace perigee
