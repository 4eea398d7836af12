// perigee_probe: a workload for tests. It does one thing that a test can see, and
// then, unless it says otherwise, stays until a signal ends it.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

extern char** environ;

namespace {

using Arguments = std::vector<std::string>;

constexpr char kUsage[] =
    "usage: perigee_probe COMMAND ...\n"
    "  record FILE           appends \"<nanoseconds since 1970> <pid> <boot id>\" to FILE, then stays\n"
    "  record-start FILE     the same\n"
    "  live [MS]             appends \"<start|ready|stop> <nanoseconds> <pid> <replica> <MARKER>\" to the "
    "file $RECORD:\n"
    "                        at its start, MS later (without MS: never) and when SIGTERM ends it\n"
    "  seen-ready            exits 0 when $RECORD has the ready line of this replica and $MARKER: a probe "
    "for live\n"
    "  serve-http PORT [F]   answers every request with 200 and the content of F, or the word ready\n"
    "  unhealthy-http PORT   answers every request with 500\n"
    "  exit CODE             exits\n"
    "  exit-after MS CODE    exits after that time\n"
    "  stay                  only stays\n"
    "  ignore-sigterm        ignores SIGTERM, SIGINT, SIGHUP and SIGQUIT\n"
    "  print-env             its environment, one variable a line, and exits\n"
    "  print-arguments ...   its arguments, one a line, and exits\n"
    "  print-file FILE...    \"<mode, octal> <uid> <content>\" of each, and exits\n"
    "  print-status          what /proc/self tells of its isolation, and exits\n"
    "  print-lines N [W]     N numbered lines of W characters to both streams in turn, and exits\n"
    "  write-file FILE TEXT  writes, and exits\n"
    "  hog-memory MIB        touches that much memory\n"
    "  hog-pids N            makes N processes; exits 7 when one cannot be made\n"
    "  spawn-stray FILE      leaves a process in a session of its own, writes its pid to FILE, and exits\n"
    "  spin                  uses a processor as much as it may\n";

[[noreturn]] void Stay() {
  while (true) pause();
}

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "perigee_probe: %s: %s\n", what, std::strerror(errno));
  std::exit(3);
}

std::string ReadAll(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) Fail(path.c_str());
  std::string content;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(file, buffer, sizeof buffer)) > 0) content.append(buffer, static_cast<size_t>(got));
  close(file);
  return content;
}

void Append(const std::string& path, const std::string& text) {
  umask(0);  // replicas with users of their own share the file
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    Fail(path.c_str());
  close(file);
}

std::string Nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::to_string(static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
}

int Record(const Arguments& arguments) {
  // One write, so that lines of several starts do not mix.
  Append(arguments.at(0),
         Nanoseconds() + " " + std::to_string(getpid()) + " " + ReadAll("/proc/sys/kernel/random/boot_id"));
  std::puts("recorded");
  std::fflush(stdout);
  Stay();
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "-" : value;
}

int Live(const Arguments& arguments) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  auto say = [&](const char* what) {
    Append(Variable("RECORD"), std::string(what) + " " + Nanoseconds() + " " + std::to_string(getpid()) +
                                   " " + Variable("PERIGEE_REPLICA") + " " + Variable("MARKER") + "\n");
  };
  say("start");
  if (!arguments.empty()) {
    const long milliseconds = std::stol(arguments[0]);
    const timespec time{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
    if (sigtimedwait(&ends, nullptr, &time) < 0) {
      say("ready");
      sigwaitinfo(&ends, nullptr);
    }
  } else {
    sigwaitinfo(&ends, nullptr);
  }
  say("stop");
  return 0;
}

int SeenReady(const Arguments&) {
  const std::string lines = ReadAll(Variable("RECORD"));
  const std::string wanted = " " + Variable("PERIGEE_REPLICA") + " " + Variable("MARKER");
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    const std::string line = lines.substr(begin, end - begin);
    if (line.compare(0, 6, "ready ") == 0 && line.size() > wanted.size() &&
        line.compare(line.size() - wanted.size(), wanted.size(), wanted) == 0) {
      return 0;
    }
    begin = end + 1;
  }
  return 1;
}

int Serve(int port, const char* status, const std::string& file) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0) {
    Fail("listening");
  }
  signal(SIGPIPE, SIG_IGN);
  while (true) {
    const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    char request[4096];
    (void)!read(peer, request, sizeof request);
    const std::string body = file.empty() ? "ready\n" : ReadAll(file);
    const std::string answer = std::string("HTTP/1.1 ") + status +
                               "\r\nContent-Length: " + std::to_string(body.size()) +
                               "\r\nConnection: close\r\n\r\n" + body;
    (void)!write(peer, answer.data(), answer.size());
    close(peer);
  }
}

int ServeHttp(const Arguments& arguments) {
  return Serve(std::stoi(arguments.at(0)), "200 OK", arguments.size() > 1 ? arguments[1] : "");
}

int UnhealthyHttp(const Arguments& arguments) {
  return Serve(std::stoi(arguments.at(0)), "500 Internal Server Error", "");
}

int Exit(const Arguments& arguments) {
  return std::stoi(arguments.at(0));
}

int ExitAfter(const Arguments& arguments) {
  const long milliseconds = std::stol(arguments.at(0));
  timespec time{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
  return std::stoi(arguments.at(1));
}

int StayOnly(const Arguments&) {
  Stay();
}

int IgnoreSigterm(const Arguments&) {
  for (const int ignored : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) signal(ignored, SIG_IGN);
  std::puts("ignoring");
  std::fflush(stdout);
  Stay();
}

int PrintEnv(const Arguments&) {
  for (char** variable = environ; *variable != nullptr; ++variable) std::puts(*variable);
  return 0;
}

int PrintArguments(const Arguments& arguments) {
  for (const std::string& argument : arguments) std::puts(argument.c_str());
  return 0;
}

int PrintFile(const Arguments& arguments) {
  for (const std::string& path : arguments) {
    struct stat found;
    if (stat(path.c_str(), &found) != 0) Fail(path.c_str());
    std::printf("%04o %u %s\n", found.st_mode & 07777, found.st_uid, ReadAll(path).c_str());
  }
  return 0;
}

int PrintStatus(const Arguments&) {
  std::printf("uid %u gid %u groups %d session %d leader %d umask ", getuid(), getgid(),
              getgroups(0, nullptr), getsid(0) == getpid() ? 1 : 0, getpgrp() == getpid() ? 1 : 0);
  std::printf("%04o no_new_privs %d\n", umask(0), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  const std::string status = ReadAll("/proc/self/status");
  for (const char* name : {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "SigBlk:", "SigIgn:"}) {
    const size_t begin = status.find(name);
    std::printf("%s\n", status.substr(begin, status.find('\n', begin) - begin).c_str());
  }
  std::printf("oom_score_adj %s", ReadAll("/proc/self/oom_score_adj").c_str());
  for (int descriptor = 0; descriptor < 64; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) >= 0) std::printf("descriptor %d\n", descriptor);
  }
  return 0;
}

int PrintLines(const Arguments& arguments) {
  const int lines = std::stoi(arguments.at(0));
  const size_t width = arguments.size() > 1 ? std::stoul(arguments[1]) : 0;
  for (int i = 0; i < lines; ++i) {
    std::string line = std::to_string(i) + " ";
    if (line.size() < width) line.append(width - line.size(), 'x');
    line += '\n';
    (void)!write(i % 2 == 0 ? STDOUT_FILENO : STDERR_FILENO, line.data(), line.size());
  }
  return 0;
}

int WriteFile(const Arguments& arguments) {
  Append(arguments.at(0), arguments.at(1));
  return 0;
}

int HogMemory(const Arguments& arguments) {
  const size_t bytes = std::stoul(arguments.at(0)) << 20;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Fail("mapping memory");
  std::memset(memory, 1, bytes);
  std::puts("hogging");
  std::fflush(stdout);
  Stay();
}

int HogPids(const Arguments& arguments) {
  for (int i = 0; i < std::stoi(arguments.at(0)); ++i) {
    const pid_t child = fork();
    if (child < 0) _exit(7);  // at once: what runs at a program's end may want a process itself
    if (child == 0) Stay();
  }
  std::puts("hogging");
  std::fflush(stdout);
  Stay();
}

int SpawnStray(const Arguments& arguments) {
  const pid_t child = fork();
  if (child < 0) Fail("forking");
  if (child == 0) {
    setsid();
    signal(SIGTERM, SIG_IGN);
    Stay();
  }
  Append(arguments.at(0), std::to_string(child) + "\n");
  return 0;
}

int Spin(const Arguments&) {
  while (true) {
    (void)getppid();
  }
}

struct Command {
  const char* name;
  size_t arguments;  // at least
  int (*run)(const Arguments&);
};
constexpr Command kCommands[] = {
    {"record", 1, Record},
    {"record-start", 1, Record},
    {"live", 0, Live},
    {"seen-ready", 0, SeenReady},
    {"serve-http", 1, ServeHttp},
    {"unhealthy-http", 1, UnhealthyHttp},
    {"exit", 1, Exit},
    {"exit-after", 2, ExitAfter},
    {"stay", 0, StayOnly},
    {"ignore-sigterm", 0, IgnoreSigterm},
    {"print-env", 0, PrintEnv},
    {"print-arguments", 0, PrintArguments},
    {"print-file", 1, PrintFile},
    {"print-status", 0, PrintStatus},
    {"print-lines", 1, PrintLines},
    {"write-file", 2, WriteFile},
    {"hog-memory", 1, HogMemory},
    {"hog-pids", 1, HogPids},
    {"spawn-stray", 1, SpawnStray},
    {"spin", 0, Spin},
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argv + std::min(argc, 2), argv + argc);
  for (const Command& command : kCommands) {
    if (argc > 1 && std::strcmp(argv[1], command.name) == 0 && arguments.size() >= command.arguments) {
      return command.run(arguments);
    }
  }
  std::fputs(kUsage, stderr);
  return 2;
}
