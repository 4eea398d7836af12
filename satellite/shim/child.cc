#include "satellite/shim/child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_split.h"
#include "satellite/shim/place_files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr char kUsualPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kVerdictDescriptor = 3;

struct Pipe {
  Fd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "making a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

absl::Status WriteTo(const std::string& path, std::string_view text) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, absl::StrCat("writing ", path));
  }
  return absl::OkStatus();
}

absl::Status JoinCgroups(const std::vector<std::string>& cgroups) {
  for (const std::string& cgroup : cgroups) PERIGEE_RETURN_IF_ERROR(WriteTo(cgroup + "/cgroup.procs", "0"));
  return absl::OkStatus();
}

// An ordinary user may mount in a user namespace only. It stays who it is there.
absl::Status EnterUserNamespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("this host does not let an ordinary user make namespaces, which placing files needs (",
                     std::strerror(errno), "): run the launcher as root, or allow user namespaces"));
  }
  PERIGEE_RETURN_IF_ERROR(WriteTo("/proc/self/setgroups", "deny"));
  PERIGEE_RETURN_IF_ERROR(WriteTo("/proc/self/uid_map", absl::StrCat(uid, " ", uid, " 1")));
  return WriteTo("/proc/self/gid_map", absl::StrCat(gid, " ", gid, " 1"));
}

// So that what it writes there is bounded and counts as its own memory.
absl::Status MountWorkdir(const std::string& workdir, uid_t uid, gid_t gid) {
  const std::string options =
      absl::StrCat("mode=0700,uid=", uid, ",gid=", gid, ",size=", limits::kReplicaScratchBytes);
  if (mount("tmpfs", workdir.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) == 0)
    return absl::OkStatus();
  return ErrnoStatus(errno, "mounting memory for the working directory");
}

absl::Status EnterMountNamespace(const Spec& spec, const std::string& directory) {
  const bool root = geteuid() == 0;
  const Confinement& who = spec.confinement;
  const uid_t uid = who.uid >= 0 ? static_cast<uid_t>(who.uid) : geteuid();
  const gid_t gid = who.gid >= 0 ? static_cast<gid_t>(who.gid) : getegid();
  if (spec.run.files.empty() && !root) return absl::OkStatus();
  if (!root) {
    PERIGEE_RETURN_IF_ERROR(EnterUserNamespace());
  } else if (unshare(CLONE_NEWNS) != 0) {
    if (spec.run.files.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("this host does not let the launcher make mount namespaces, which placing files needs (",
                     std::strerror(errno), "): allow it CAP_SYS_ADMIN"));
  }
  // The host's later mounts are seen; what is mounted here stays here.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return ErrnoStatus(errno, "separating the mounts of the run");
  }
  if (who.own_workdir) PERIGEE_RETURN_IF_ERROR(MountWorkdir(spec.run.workdir, uid, gid));
  return PlaceFiles(
      spec.run.files,
      {.scratch = directory + "/" + kMountDirectory, .uid = uid, .gid = gid, .user_namespace = !root});
}

absl::Status DropPrivileges(const Confinement& who) {
  if (geteuid() == 0) {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
      if (prctl(PR_CAPBSET_DROP, capability) != 0) return ErrnoStatus(errno, "dropping capabilities");
    }
    if (setgroups(0, nullptr) != 0) return ErrnoStatus(errno, "leaving groups");
  }
  const auto gid = static_cast<gid_t>(who.gid);
  const auto uid = static_cast<uid_t>(who.uid);
  if (who.gid >= 0 && setresgid(gid, gid, gid) != 0) return ErrnoStatus(errno, "taking the run's group");
  if (who.uid >= 0 && setresuid(uid, uid, uid) != 0) return ErrnoStatus(errno, "taking the run's user");
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capset, &header, none) != 0) return ErrnoStatus(errno, "dropping capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "renouncing new privileges");
  return absl::OkStatus();
}

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Of a run, as descriptors; -1: it has the shim's own.
struct Namespaces {
  int user = -1;
  int mount = -1;
  pid_t shim = 0;  // who asks
};

absl::Status JoinNamespaces(const Namespaces& run) {
  if (run.user >= 0 && setns(run.user, CLONE_NEWUSER) != 0)
    return ErrnoStatus(errno, "entering the replica's user namespace");
  if (run.mount >= 0 && setns(run.mount, CLONE_NEWNS) != 0)
    return ErrnoStatus(errno, "entering the replica's mount namespace");
  return absl::OkStatus();
}

// After the last change of user, which would undo it.
absl::Status DieWith(pid_t shim) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return getppid() == shim ? absl::OkStatus() : absl::CancelledError("the shim has ended");
}

// `joined`: the namespaces to enter; null: new ones are made.
absl::Status Prepare(const Spec& spec, const std::string& directory, const Namespaces* joined) {
  if (setsid() < 0) return ErrnoStatus(errno, "making a session");
  PERIGEE_RETURN_IF_ERROR(JoinCgroups(spec.confinement.cgroups));
  // The shim lowers its own where it may; the run is as mortal as any process.
  (void)WriteTo("/proc/self/oom_score_adj", "0");
  PERIGEE_RETURN_IF_ERROR(joined ? JoinNamespaces(*joined) : EnterMountNamespace(spec, directory));
  PERIGEE_RETURN_IF_ERROR(DropPrivileges(spec.confinement));
  if (joined) PERIGEE_RETURN_IF_ERROR(DieWith(joined->shim));
  const rlimit no_core{0, 0};  // it would hold the run's secrets
  setrlimit(RLIMIT_CORE, &no_core);
  umask(022);
  ResetSignals();
  const std::string workdir = spec.run.workdir.empty() ? "/" : spec.run.workdir;
  if (chdir(workdir.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("the working directory ", workdir));
  }
  return absl::OkStatus();
}

std::string PathOf(const std::vector<std::string>& env) {
  for (const std::string& variable : env) {
    if (variable.compare(0, 5, "PATH=") == 0) return variable.substr(5);
  }
  return kUsualPath;
}

std::vector<std::string> CandidatesFor(const Run& run) {
  const std::string& program = run.command[0];
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> candidates;
  for (const std::string& directory : std::vector<std::string>(absl::StrSplit(PathOf(run.env), ':'))) {
    if (!directory.empty()) candidates.push_back(directory + "/" + program);
  }
  return candidates;
}

std::string DescribeExec(const Run& run, const std::string& path, int error) {
  if (error == ENOENT && access(path.c_str(), F_OK) == 0) {
    return absl::StrCat("the interpreter or loader that ", path, " names is not on this host");
  }
  if (error == ENOENT) return absl::StrCat("program not found: ", run.command[0]);
  if (error == EACCES)
    return absl::StrCat("not allowed to run ", path, ": the replica's user needs execute permission");
  return absl::StrCat("cannot run ", path, ": ", std::strerror(error));
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Returns the error, when no candidate could be run.
int Exec(const Run& run, std::string& why) {
  std::vector<std::string> env = run.env;
  std::erase_if(env,
                [](const std::string& variable) { return variable.compare(0, 16, "PERIGEE_REPLICA=") == 0; });
  env.push_back("PERIGEE_REPLICA=" + run.id);
  const std::vector<char*> arguments = Pointers(run.command);
  const std::vector<char*> variables = Pointers(env);
  int worst = ENOENT;
  std::string worst_path = run.command[0];
  for (const std::string& candidate : CandidatesFor(run)) {
    execve(candidate.c_str(), arguments.data(), variables.data());
    const int error = errno;
    // As execvp does: a candidate that is there but may not be run is worth more than none.
    if (worst == ENOENT) {
      if (error != ENOENT || access(candidate.c_str(), F_OK) == 0) worst_path = candidate;
      if (error != ENOTDIR) worst = error;
    }
  }
  why = DescribeExec(run, worst_path, worst);
  return worst;
}

int CodeToErrno(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) ? EPERM : (errno != 0 ? errno : EINVAL);
}

[[noreturn]] void Report(int error, std::string_view why) {
  std::string bytes(reinterpret_cast<const char*>(&error), sizeof error);
  bytes.append(why.substr(0, PIPE_BUF - sizeof error));
  (void)!write(kVerdictDescriptor, bytes.data(), bytes.size());
  _exit(127);
}

struct Ends {
  Pipe out, err, go, verdict;
};

// Out of the way of the numbers that descriptors shall get.
int Raise(int descriptor) {
  return descriptor >= 0 ? fcntl(descriptor, F_DUPFD_CLOEXEC, 16) : -1;
}

// Descriptors 0, 1, 2, the verdict and the namespaces; nothing else. Output without a pipe is dropped.
void ArrangeDescriptors(const Ends& ends, Namespaces& joined) {
  const int null = Raise(open("/dev/null", O_RDWR | O_CLOEXEC));
  const int verdict = Raise(ends.verdict.write.get());
  const int out = ends.out.write.valid() ? Raise(ends.out.write.get()) : null;
  const int err = ends.err.write.valid() ? Raise(ends.err.write.get()) : null;
  for (int* const space : {&joined.user, &joined.mount}) *space = Raise(*space);
  dup2(null >= 0 ? null : out, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  dup3(verdict, kVerdictDescriptor, O_CLOEXEC);
  int next = kVerdictDescriptor + 1;
  for (int* const space : {&joined.user, &joined.mount}) {
    if (*space >= 0) *space = dup3(*space, next++, O_CLOEXEC);
  }
  syscall(SYS_close_range, next, ~0U, 0);
}

[[noreturn]] void Become(const Spec& spec, const std::string& directory, const Namespaces* joined) {
  errno = 0;
  const absl::Status prepared = Prepare(spec, directory, joined);
  if (!prepared.ok())
    Report(CodeToErrno(prepared), std::string_view(prepared.message().data(), prepared.message().size()));
  std::string why;
  const int error = Exec(spec.run, why);
  Report(error, why);
}

[[noreturn]] void RunChild(const Spec& spec, const std::string& directory, const Ends& ends) {
  char go = 0;
  ssize_t got = -1;
  while ((got = read(ends.go.read.get(), &go, 1)) < 0 && errno == EINTR) {
  }
  if (got != 1) _exit(127);  // the shim died before it wrote down who we are
  Namespaces none;
  ArrangeDescriptors(ends, none);
  Become(spec, directory, nullptr);
}

// Invalid: the process has ours.
absl::StatusOr<Fd> NamespaceOf(pid_t pid, const char* name) {
  Fd theirs(open(absl::StrCat("/proc/", pid, "/ns/", name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!theirs.valid() && (errno == ENOENT || errno == ESRCH)) {
    return absl::FailedPreconditionError("the replica has just exited");
  }
  struct stat found;
  struct stat ours;
  if (!theirs.valid() || fstat(theirs.get(), &found) != 0 ||
      stat(absl::StrCat("/proc/self/ns/", name).c_str(), &ours) != 0) {
    return ErrnoStatus(errno, "looking at the replica's namespaces");
  }
  return found.st_dev == ours.st_dev && found.st_ino == ours.st_ino ? Fd() : std::move(theirs);
}

std::optional<Exit> DecodeVerdict(const std::string& verdict) {
  if (verdict.size() < sizeof(int)) return std::nullopt;
  Exit exit{Exit::Kind::kNotStarted};
  std::memcpy(&exit.number, verdict.data(), sizeof exit.number);
  exit.error = verdict.substr(sizeof exit.number);
  return exit;
}

// Until its end, or until nothing is in it now.
std::string ReadPipe(const Fd& pipe) {
  std::string content;
  char buffer[PIPE_BUF];
  while (true) {
    const ssize_t got = read(pipe.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return content;
    content.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

absl::StatusOr<Child> ForkChild(const Spec& spec, const std::string& directory) {
  Ends ends;
  PERIGEE_ASSIGN_OR_RETURN(ends.out, MakePipe());
  PERIGEE_ASSIGN_OR_RETURN(ends.err, MakePipe());
  PERIGEE_ASSIGN_OR_RETURN(ends.go, MakePipe());
  PERIGEE_ASSIGN_OR_RETURN(ends.verdict, MakePipe());
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "making a process");
  if (pid == 0) {
    ends.go.write = Fd();  // else the child would wait for itself
    RunChild(spec, directory, ends);
  }
  Child child;
  PERIGEE_ASSIGN_OR_RETURN(child.identity, IdentityOf(pid));
  child.out = std::move(ends.out.read);
  child.err = std::move(ends.err.read);
  child.go = std::move(ends.go.write);
  child.verdict = std::move(ends.verdict.read);
  fcntl(child.out.get(), F_SETFL, O_NONBLOCK);
  fcntl(child.err.get(), F_SETFL, O_NONBLOCK);
  return child;
}

std::optional<Exit> LetExec(Child& child) {
  (void)!write(child.go.get(), "g", 1);
  child.go = Fd();
  const std::string verdict = ReadPipe(child.verdict);
  child.verdict = Fd();
  return DecodeVerdict(verdict);
}

absl::StatusOr<Companion> ForkCompanion(const Spec& spec, const std::string& directory,
                                        const ExecRequest& request, pid_t run) {
  PERIGEE_ASSIGN_OR_RETURN(const Fd user, NamespaceOf(run, "user"));
  PERIGEE_ASSIGN_OR_RETURN(const Fd mount, NamespaceOf(run, "mnt"));
  Namespaces joined{user.get(), mount.get(), getpid()};
  Spec beside = spec;
  beside.run.command = request.command;
  beside.run.env = request.env;
  Ends ends;
  PERIGEE_ASSIGN_OR_RETURN(ends.verdict, MakePipe());
  Companion companion;
  companion.pid = fork();
  if (companion.pid < 0) return ErrnoStatus(errno, "making a process");
  if (companion.pid == 0) {
    ArrangeDescriptors(ends, joined);
    Become(beside, directory, &joined);
  }
  companion.verdict = std::move(ends.verdict.read);
  fcntl(companion.verdict.get(), F_SETFL, O_NONBLOCK);
  return companion;
}

std::optional<Exit> WhyNotRun(const Companion& companion) {
  return DecodeVerdict(ReadPipe(companion.verdict));
}

}  // namespace perigee::satellite
