#include "satellite/shim/place_files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr mode_t kDirectoryMode = 0755;

// Files by the nearest directory that the host has; sorted, so that a directory comes before those in it.
struct Layer {
  Fd host;  // opened before anything is mounted: layers do not stack on each other
  std::vector<const RunFile*> files;
};
using Layers = std::map<std::string, Layer>;

absl::Status Refused(const RunFile& file, std::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("the file ", file.path, " cannot be placed: ", std::string(why)));
}

absl::Status Failed(const RunFile& file) {
  return ErrnoStatus(errno, absl::StrCat("placing the file ", file.path));
}

// Finds how much of the file's directory the host has, without following links.
absl::Status AddToLayer(const RunFile& file, Layers& layers) {
  std::string directory;
  Fd here(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  size_t begin = 1;
  for (size_t end = file.path.find('/', begin); end != std::string::npos; end = file.path.find('/', begin)) {
    const std::string component = file.path.substr(begin, end - begin);
    Fd next(openat(here.get(), component.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid() && errno == ENOENT) break;
    if (!next.valid()) return Failed(file);
    struct stat found;
    if (fstat(next.get(), &found) != 0) return Failed(file);
    const std::string path = file.path.substr(0, end);
    if (S_ISLNK(found.st_mode))
      return Refused(file, path + " is a link on this host: name the place it leads to");
    if (!S_ISDIR(found.st_mode)) return Refused(file, path + " is not a directory on this host");
    here = std::move(next);
    directory = path;
    begin = end + 1;
  }
  struct stat found;
  if (fstatat(here.get(), file.path.c_str() + directory.size() + 1, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(found.st_mode)) {
    return Refused(file, "it is a directory on this host");
  }
  Layer& layer = layers[directory.empty() ? "/" : directory];
  layer.host = std::move(here);
  layer.files.push_back(&file);
  return absl::OkStatus();
}

absl::StatusOr<Layers> PlanLayers(const std::vector<RunFile>& files) {
  Layers layers;
  for (const RunFile& file : files) PERIGEE_RETURN_IF_ERROR(AddToLayer(file, layers));
  return layers;
}

absl::Status Fill(int fd, const RunFile& file, const Placing& placing) {
  PERIGEE_RETURN_IF_ERROR(
      Annotate(WriteAll(fd, file.content, "its content"), absl::StrCat("placing the file ", file.path)));
  if (fchown(fd, placing.uid, placing.gid) != 0 || fchmod(fd, file.mode) != 0) return Failed(file);
  return absl::OkStatus();
}

// The file at `relative` beneath `root`, which is ours alone, with the directories on the way.
absl::Status WriteBeneath(int root, const RunFile& file, const std::string& relative,
                          const Placing& placing) {
  for (size_t slash = relative.find('/'); slash != std::string::npos; slash = relative.find('/', slash + 1)) {
    const std::string directory = relative.substr(0, slash);
    if (mkdirat(root, directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST) return Failed(file);
  }
  const Fd fd(openat(root, relative.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return Failed(file);
  return Fill(fd.get(), file, placing);
}

absl::Status WriteLayer(int upper, const std::string& directory, const Layer& layer, const Placing& placing) {
  const size_t prefix = directory == "/" ? 1 : directory.size() + 1;
  for (const RunFile* file : layer.files) {
    PERIGEE_RETURN_IF_ERROR(WriteBeneath(upper, *file, file->path.substr(prefix), placing));
  }
  return absl::OkStatus();
}

// Lays the files over `directory`. The working directory is the scratch tmpfs.
absl::Status MountLayer(const std::string& directory, const Layer& layer, int number,
                        const Placing& placing) {
  const std::string base = std::to_string(number);
  const std::string upper = base + "/upper";
  const std::string work = base + "/work";
  struct stat host;
  if (fstat(layer.host.get(), &host) != 0 || mkdir(base.c_str(), 0700) != 0 ||
      mkdir(upper.c_str(), 0700) != 0 || mkdir(work.c_str(), 0700) != 0) {
    return Failed(*layer.files[0]);
  }
  const Fd root(open(upper.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return Failed(*layer.files[0]);
  PERIGEE_RETURN_IF_ERROR(WriteLayer(root.get(), directory, layer, placing));
  // The upper directory's owner and mode are what the run sees. In a user namespace only the
  // own user exists, so there the owner stays.
  const bool owned = fchown(root.get(), host.st_uid, host.st_gid) == 0 || placing.user_namespace;
  if (!owned || fchmod(root.get(), host.st_mode & 07777) != 0) return Failed(*layer.files[0]);
  const std::string options = absl::StrCat("lowerdir=/proc/self/fd/", layer.host.get(), ",upperdir=", upper,
                                           ",workdir=", work, placing.user_namespace ? ",userxattr" : "");
  if (mount("overlay", directory.c_str(), "overlay", 0, options.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("laying files over ", directory));
  }
  return absl::OkStatus();
}

absl::Status BindEntry(const std::string& name, const std::string& target) {
  const std::string source = "/" + name;
  struct stat found;
  if (lstat(source.c_str(), &found) != 0) return absl::OkStatus();  // went away
  if (S_ISLNK(found.st_mode)) {
    std::string link(4096, '\0');
    const ssize_t length = readlink(source.c_str(), link.data(), link.size() - 1);
    if (length < 0) return ErrnoStatus(errno, absl::StrCat("reading the link ", source));
    link.resize(static_cast<size_t>(length));
    if (symlink(link.c_str(), target.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("making the link ", name, " of the run's own root"));
  }
  if (S_ISDIR(found.st_mode)) {
    if (mkdir(target.c_str(), kDirectoryMode) != 0) return ErrnoStatus(errno, "making the run's own root");
  } else {
    const Fd file(open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return ErrnoStatus(errno, absl::StrCat("binding ", source, " into the run's own root"));
  }
  return absl::OkStatus();
}

// A root of the host's entries and the new directories, and into it.
absl::Status EnterOwnRoot(const Layer& layer, const Placing& placing) {
  const std::string root = placing.scratch + "/root";
  if (mkdir(root.c_str(), kDirectoryMode) != 0 ||
      mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return ErrnoStatus(errno, "making the run's own root");
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/"));
  for (const std::string& name : names) PERIGEE_RETURN_IF_ERROR(BindEntry(name, root + "/" + name));
  const Fd directory(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return Failed(*layer.files[0]);
  PERIGEE_RETURN_IF_ERROR(WriteLayer(directory.get(), "/", layer, placing));
  // The scratch space came along with the directory that it is mounted in.
  umount2((root + placing.scratch).c_str(), MNT_DETACH);
  if (fchdir(directory.get()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
      umount2(".", MNT_DETACH) != 0) {
    return ErrnoStatus(errno, "entering the run's own root");
  }
  return chdir("/") == 0 ? absl::OkStatus() : ErrnoStatus(errno, "entering the run's own root");
}

absl::Status MountScratch(const std::string& scratch) {
  const uint64_t bytes = limits::kReplicaFileBytes + limits::kReplicaScratchBytes;
  const std::string options = absl::StrCat("mode=0755,size=", bytes);
  if (mount("tmpfs", scratch.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return ErrnoStatus(errno, "mounting memory for the files");
  }
  return chdir(scratch.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "entering memory for the files");
}

}  // namespace

absl::Status PlaceFiles(const std::vector<RunFile>& files, const Placing& placing) {
  PERIGEE_ASSIGN_OR_RETURN(const Layers layers, PlanLayers(files));
  if (layers.empty()) return absl::OkStatus();
  const mode_t mask = umask(0);
  PERIGEE_RETURN_IF_ERROR(MountScratch(placing.scratch));
  int number = 0;
  for (const auto& [directory, layer] : layers) {
    if (directory != "/") PERIGEE_RETURN_IF_ERROR(MountLayer(directory, layer, number++, placing));
  }
  const auto root = layers.find("/");
  if (root != layers.end()) {
    PERIGEE_RETURN_IF_ERROR(EnterOwnRoot(root->second, placing));
  } else if (chdir("/") != 0 || umount2(placing.scratch.c_str(), MNT_DETACH) != 0) {
    return ErrnoStatus(errno, "hiding the memory of the files");
  }
  umask(mask);
  return absl::OkStatus();
}

}  // namespace perigee::satellite
