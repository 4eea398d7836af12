#include "shared/base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "shared/base/failpoint.h"
#include "shared/base/status.h"

namespace perigee {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<std::string> ReadAll(int fd, uint64_t limit, std::string_view what) {
  std::string content;
  char buffer[16 << 10];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("reading ", ToAbsl(what)));
    if (got == 0) return content;
    if (content.size() + static_cast<uint64_t>(got) > limit) {
      return absl::ResourceExhaustedError(absl::StrCat(ToAbsl(what), " is larger than ", limit, " bytes"));
    }
    content.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status SyncDirectoryOf(const std::string& path) {
  const std::string parent = ParentOf(path);
  const Fd directory(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("syncing the directory ", parent));
  }
  return absl::OkStatus();
}

absl::Status FillTemporary(int fd, const std::string& path, std::string_view content, uint32_t mode) {
  PERIGEE_FAILPOINT("files.write.before_content");
  if (fchmod(fd, mode) != 0) return ErrnoStatus(errno, absl::StrCat("setting the mode of ", path));
  return WriteAll(fd, content, path);
}

enum class Durability { kNone, kFull };

absl::Status Replace(const std::string& path, std::string_view content, uint32_t mode,
                     Durability durability) {
  std::string temporary = path + ".XXXXXX";
  const Fd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("creating a file beside ", path));
  absl::Status status = FillTemporary(fd.get(), path, content, mode);
  if (status.ok() && durability == Durability::kFull && fsync(fd.get()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("syncing ", path));
  }
  if (status.ok()) status = PassFailpoint("files.write.before_rename");
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("replacing ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  PERIGEE_FAILPOINT("files.write.after_rename");
  return durability == Durability::kFull ? SyncDirectoryOf(path) : absl::OkStatus();
}

absl::Status MakeDirectory(const std::string& path, uint32_t mode) {
  if (mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
  if (errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("making the directory ", path));
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return ErrnoStatus(errno, absl::StrCat("looking at ", path));
  if (!S_ISDIR(found.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is there and is not a directory"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteAll(int fd, std::string_view content, std::string_view what) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, absl::StrCat("writing ", ToAbsl(what)));
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("opening ", path));
  return ReadAll(fd.get(), limit, path);
}

absl::StatusOr<std::string> ReadStandardInput(uint64_t limit) {
  return ReadAll(STDIN_FILENO, limit, "standard input");
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content, uint32_t mode) {
  return Replace(path, content, mode, Durability::kFull);
}

absl::Status WriteRuntimeFile(const std::string& path, std::string_view content, uint32_t mode) {
  return Replace(path, content, mode, Durability::kNone);
}

absl::Status EnsureDirectory(const std::string& path, uint32_t mode) {
  if (path.empty()) return absl::InvalidArgumentError("the name of a directory is empty");
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    PERIGEE_RETURN_IF_ERROR(MakeDirectory(path.substr(0, slash), 0755));
  }
  PERIGEE_RETURN_IF_ERROR(MakeDirectory(path, mode));
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return ErrnoStatus(errno, absl::StrCat("looking at ", path));
  // Left alone when right, since only the owner may change it.
  if ((found.st_mode & 07777) != mode && chmod(path.c_str(), mode) != 0) {
    return ErrnoStatus(errno, absl::StrCat("setting the mode of ", path));
  }
  return absl::OkStatus();
}

bool FileExists(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0;
}

absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoStatus(errno, absl::StrCat("opening the directory ", path));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  closedir(directory);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("reading the directory ", path));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("removing ", path));
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? ErrnoStatus(error.value(), absl::StrCat("removing ", path)) : absl::OkStatus();
}

absl::StatusOr<int> OpenBeneath(const std::string& root, const std::string& relative, int flags,
                                uint32_t mode) {
  const Fd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, absl::StrCat("opening ", root));
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, directory.get(), relative.c_str(), &how, sizeof how);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("opening ", relative, " beneath ", root));
  return static_cast<int>(fd);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

int Fd::Release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

}  // namespace perigee
