#!/usr/bin/env python3
"""testbed - N throw-away "hosts" on one Linux machine (needs root).

  testbed up N [--subnet 10.99.0.0/20] [--mesh] [--owner PID]
                               make and boot hosts h1..hN; with an owner, a guard takes all down
                               when that process ends, however it ends
  testbed down                 end every host, remove every trace
  testbed list                 name, address, state, pid of process 1, link
  testbed exec HOST [CMD...]   run CMD (a shell if none) inside HOST, as root
  testbed kill HOST...         power cut: its processes die, no packet tells its peers
  testbed boot HOST...         power on: files kept, processes gone, plain link
  testbed cut HOST [PEER]      drop HOST's packets (or only those to and from PEER, a host or
                               'controller') and tell nobody, as a partition does
  testbed delay HOST 20ms      hold every packet 20 ms each way (round trip + 40 ms)
  testbed heal HOST            plain link: undoes cut and delay
Before the command: --prefix P (default $TESTBED_PREFIX or tb, 8 letters at most). Two test beds
at once need two prefixes and two subnets.

A host is a set of namespaces (mount, pid, net, uts, ipc): its own / (a writable overlay on this
machine's root, so what apt-get installed here is there), address, process 1 and sshd (port 22).
/home /root /srv /tmp /var/log /var/tmp and the folders of / that are not the system's are empty at
first. Hosts reach one another and the controller (this machine, last address of the subnet); with
--mesh they may also ssh to one another. All lives in memory, in /run/testbed/P: ssh_config,
known_hosts, id_ed25519, hosts, h1/upper (what h1 wrote). Install no package here while hosts are
up: what an overlay then shows is not defined.
"""
import argparse, contextlib, heapq, ipaddress, json, os, re, select, shutil, signal, socket, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SYSTEM = set('bin boot dev etc lib lib32 lib64 libx32 lost+found opt proc sbin sys usr var'.split())
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
SSHD_CONFIG = '''HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
UsePAM no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
'''
SSH_CONFIG = '''Host *
  User root
  IdentityFile {0}/id_ed25519
  IdentitiesOnly yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {0}/known_hosts
  GlobalKnownHostsFile /dev/null
'''
# Process 1 of a host ($1 prefix, $2 name). The cable is plugged between "ready" and "go".
INIT = r'''
set -eu
echo ready; read go
mount -t overlay "$2" -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
cd "$dir/root"
mount -t proc proc proc; mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run; mount -t tmpfs -o mode=755 dev dev
mkdir -p .old run/sshd run/lock dev/pts dev/shm
mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
for d in null zero full random urandom tty fuse; do
  if [ -e /dev/$d ]; then : > dev/$d; mount --bind /dev/$d dev/$d; fi
done
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
hostname "$2"
echo 1 > proc/sys/net/ipv6/conf/eth0/disable_ipv6 || :
printf 'link set lo up\naddr add %s dev eth0\nlink set eth0 up\n' "$address" | ip -batch -
pivot_root . .old; cd /; umount -l /.old; rmdir /.old
exec env -i PATH="$PATH" sh -c 'while :; do /usr/sbin/sshd -D -e; sleep 1; done' testbed-init "$1" "$2" \
  < /dev/null > /var/log/init.log 2>&1
'''


def die(text):
    sys.exit(f'testbed: {text}')

def sh(*args, text=None, check=True):
    p = subprocess.run(args, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if check and p.returncode:
        die(f'{" ".join(args)}: {p.stderr.strip()}')
    return p.stdout

def new_key(path, comment):
    sh('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', str(path))
    return Path(f'{path}.pub').read_text()


class Bed:
    def __init__(self, prefix):
        if not re.fullmatch('[a-z][a-z0-9]{0,7}', prefix):
            die('a prefix is 1 to 8 small letters and digits, a letter first')
        self.prefix, self.state, self.bridge = prefix, Path('/run/testbed', prefix), prefix + '-br'

    def define(self, subnet, n, mesh):
        self.net, self.n, self.mesh = ipaddress.ip_network(subnet), n, mesh
        self.hosts = [f'h{i}' for i in range(1, n + 1)]

    def address(self, host):            # h1 has the first address, the controller the last
        return self.net[-2] if host == 'controller' else self.net[int(host[1:])]

    def port(self, host):               # this machine's end of the host's cable
        return f'{self.prefix}-{host[1:]}'

    def running(self):                  # {host: pid of its process 1}
        found = {}
        for p in Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                argv = p.read_bytes().decode(errors='replace').split('\0')[:-1]
                if argv[-3:-1] == ['testbed-init', self.prefix] and argv[0] == 'sh':
                    found[argv[-1]] = int(p.parent.name)
        return found

    def others(self, *commands):        # pids of this script's other processes for this test bed
        for p in Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                argv = p.read_bytes().decode(errors='replace').split('\0')[1:-1]
                if argv[:3] == [os.path.abspath(__file__), '--prefix', self.prefix] and argv[3] in commands and int(p.parent.name) != os.getpid():
                    yield int(p.parent.name)

    def making(self):
        return any(self.others('up'))

    def pid(self, host):
        return self.running().get(host) or die(f'{host} is not running')

    def neighbour(self, host, *args):   # on the host's table of ethernet addresses
        return sh('nsenter', '-t', str(self.pid(host)), '-n', 'ip', 'neigh', *args, 'dev', 'eth0', check=False)

    def note(self, host, text):         # what `list` says of the link
        (self.state / host / 'link').write_text(text)


# ---- making hosts --------------------------------------------------------------------------

def make_state(bed):
    bed.state.mkdir(parents=True)
    sh('mount', '-t', 'tmpfs', '-o', 'mode=755,size=90%', 'testbed', str(bed.state))
    (bed.state / 'config.json').write_text(json.dumps({'subnet': str(bed.net), 'n': bed.n, 'mesh': bed.mesh}))
    names = [f'{bed.address(h)} {h}\n' for h in bed.hosts + ['controller']]
    (bed.state / 'hosts').write_text('127.0.0.1 localhost\n' + ''.join(names))
    new_key(bed.state / 'id_ed25519', 'testbed')

def make_files(bed, host):
    """The host's disk before its first boot (the upper layer of its root); its known_hosts line."""
    upper = bed.state / host / 'upper'
    for folder in (upper / 'etc/ssh', bed.state / host / 'work', bed.state / host / 'root'):
        folder.mkdir(parents=True)
    foreign = {p.name for p in Path('/').iterdir() if p.is_dir() and not p.is_symlink()} - SYSTEM
    for name in foreign | {'var/tmp', 'var/log'}:
        (upper / name).mkdir(parents=True)
        os.setxattr(upper / name, 'trusted.overlay.opaque', b'y')
        (upper / name).chmod({'tmp': 0o1777, 'var/tmp': 0o1777, 'root': 0o700}.get(name, 0o755))
    (upper / 'etc/shadow').touch(0o600)  # a root locked with '!' could not come in by ssh
    (upper / 'etc/shadow').write_text(re.sub('(?m)^root:[^:]*', 'root:*', Path('/etc/shadow').read_text()))
    for name, text in {'hostname': host + '\n', 'machine-id': os.urandom(16).hex() + '\n', 'resolv.conf': '',
                       'hosts': (bed.state / 'hosts').read_text(), 'ssh/sshd_config': SSHD_CONFIG}.items():
        (upper / 'etc' / name).write_text(text)
    (upper / 'root/.ssh').mkdir(0o700)
    shutil.copy(bed.state / 'id_ed25519.pub', upper / 'root/.ssh/authorized_keys')
    return f'{host},{bed.address(host)} ' + new_key(upper / 'etc/ssh/ssh_host_ed25519_key', host)

def make_ssh_config(bed, known_hosts):
    (bed.state / 'known_hosts').write_text(''.join(known_hosts))
    names = ''.join(f'Host {h}\n  HostName {bed.address(h)}\n' for h in bed.hosts)
    (bed.state / 'ssh_config').write_text(names + SSH_CONFIG.format(bed.state))
    for h in bed.hosts if bed.mesh else []:
        home = bed.state / h / 'upper/root/.ssh'
        shutil.copy(bed.state / 'id_ed25519', home)
        shutil.copy(bed.state / 'known_hosts', home)
        (home / 'config').write_text(names + SSH_CONFIG.format('/root/.ssh'))

def boot(bed, host):
    """Start process 1 of each host, plug all the cables in one go, wait for every sshd."""
    for h in bed.running().keys() & set(host):
        die(f'{h} is running')
    started, cables = {}, ''
    for h in host:
        cmd = ['unshare', '-m', '-p', '-n', '-u', '-i', '-f', '--kill-child', 'sh', '-c', INIT, 'testbed-init', bed.prefix, h]
        env = {'PATH': PATH, 'dir': str(bed.state / h), 'address': f'{bed.address(h)}/{bed.net.prefixlen}'}
        with open(bed.state / h / 'boot.log', 'w') as log:
            started[h] = subprocess.Popen(cmd, env=env, cwd='/', stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        bed.note(h, '-')
    for h, p in started.items():
        p.stdout.readline()
        mac = '02:00:' + ':'.join('%02x' % b for b in bed.address(h).packed)
        cables += (f'link add {bed.port(h)} type veth peer name eth0 address {mac} netns {p.pid}\n'
                   f'link set {bed.port(h)} master {bed.bridge} up\n')
    sh('ip', '-batch', '-', text=cables)
    for p in started.values():
        p.stdin.write(b'go\n')
        p.stdin.close()
    limit = time.monotonic() + 60 + len(host)
    for h, p in started.items():
        while not ssh_answers(str(bed.address(h))):
            if time.monotonic() > limit or p.poll() is not None:
                die(f'{h} did not boot: ' + (bed.state / h / 'boot.log').read_text())
            time.sleep(0.02)

def ssh_answers(address):
    try:
        with socket.create_connection((address, 22), 2) as s:
            return s.recv(4) == b'SSH-'
    except OSError:
        return False

def up(bed, owner=None):
    if bed.state.exists() or bed.running():
        die(f'test bed {bed.prefix} is up already: testbed --prefix {bed.prefix} down')
    if not 0 < bed.n <= min(bed.net.num_addresses - 3, 1000):
        die(f'{bed.n} hosts do not fit {bed.net}')
    try:
        if owner:                       # which may end while its hosts are made
            guard_of(bed, owner)
        make_state(bed)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            make_ssh_config(bed, list(pool.map(lambda h: make_files(bed, h), bed.hosts)))
        sh('ip', '-batch', '-', text=f'link add {bed.bridge} type bridge\nlink set {bed.bridge} up\n'
           f'addr add {bed.address("controller")}/{bed.net.prefixlen} dev {bed.bridge}\n')
        boot(bed, bed.hosts)
    except BaseException:
        down(bed)
        raise
    print(f'{bed.n} hosts up: ssh -F {bed.state}/ssh_config h1')


def guard_of(bed, owner):
    subprocess.Popen([sys.executable, os.path.abspath(__file__), '--prefix', bed.prefix, 'guard', str(owner)], cwd='/', start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def guard(bed, owner):
    """Waits for the end of the owner, then takes the test bed down. Down itself ends the guard."""
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(owner)
        select.select([fd], [], [])
    while True:                         # also one that is being made at this moment
        with contextlib.suppress(Exception, SystemExit):
            down(bed)
        if not bed.state.exists() and not bed.running() and not bed.making():
            return
        time.sleep(0.1)


# ---- ending hosts --------------------------------------------------------------------------

def end(pids):
    """Kill each process 1; the kernel then kills the rest of its pid namespace. Wait for the end."""
    dying = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            dying.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(dying[-1], signal.SIGKILL)
    for fd in dying:
        select.select([fd], [], [])
        os.close(fd)

def kill(bed, host):
    pids = [bed.pid(h) for h in host]
    for h in host:                      # the cable first, so that no FIN or RST leaves
        sh('ip', 'link', 'set', bed.port(h), 'down')
    end(pids)
    for h in host:                      # the kernel may be slower to remove them
        sh('ip', 'link', 'del', bed.port(h), check=False)
        sh('ip', 'link', 'del', bed.port(h) + 'x', check=False)
        bed.note(h, '-')

def down(bed):
    end(bed.others('guard'))
    end(bed.running().values())
    links = [link['ifname'] for link in json.loads(sh('ip', '-j', 'link'))]
    ours = [x for x in links if re.fullmatch(re.escape(bed.prefix) + '-(br|[0-9]+[xy]?)', x)]
    sh('ip', '-force', '-batch', '-', text=''.join(f'link del {x}\n' for x in ours), check=False)
    if os.path.ismount(bed.state):
        sh('umount', str(bed.state))
    for folder in (bed.state, bed.state.parent):
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


# ---- the network between hosts -------------------------------------------------------------

def cut(bed, host, peer):
    port = bed.port(host)
    if peer is None:                    # the bridge drops both directions; the carrier stays
        port += 'y' if os.path.exists(f'/sys/class/net/{port}y') else ''
        sh('bridge', 'link', 'set', 'dev', port, 'state', 'disabled')
    for a, b in ((host, peer), (peer, host)) if peer else ():
        if a != 'controller':           # frames for the peer go to an address that nobody has
            bed.neighbour(a, 'replace', str(bed.address(b)), 'lladdr', '02:00:00:00:00:00', 'nud', 'permanent')
    bed.note(host, f'cut {peer or "all"}')

def delay(bed, host, hold):
    """Put a wire of our own, in user space, into the host's cable: netem is not in every kernel."""
    ms = re.fullmatch(r'(\d+(?:\.\d+)?)ms', hold) or die('write a delay as 20ms')
    heal(bed, host)
    p = bed.port(host)
    sh('ip', '-batch', '-', text=f'link add {p}x up type veth peer name {p}y\nlink set {p} nomaster\nlink set {p}y master {bed.bridge} up\n')
    wire = subprocess.Popen([sys.executable, os.path.abspath(__file__), 'relay', p, ms[1]], start_new_session=True, cwd='/',
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wire.stdout.readline()              # it carries frames from now on
    bed.note(host, f'delay {hold}')

def relay(port, ms):
    """Carry frames between port (the host) and port+x (the bridge), each held for ms milliseconds."""
    ends, held, serial = [], [], 0
    for name in (port, port + 'x'):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.setsockopt(263, 15, 1)        # PACKET_VNET_HDR: offload data stays with its frame
        s.setsockopt(263, 23, 1)        # PACKET_IGNORE_OUTGOING
        s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        s.bind((name, 3))               # ETH_P_ALL
        ends.append(s)
    print('ready', flush=True)
    with contextlib.suppress(OSError):  # an end is gone: host killed, or link healed
        while True:
            rest = max(0, held[0][0] - time.monotonic()) if held else None
            for s in select.select(ends, [], [], rest)[0]:
                serial += 1
                heapq.heappush(held, (time.monotonic() + ms / 1000, serial, s.recv(70000), ends[s is ends[0]]))
            while held and held[0][0] <= time.monotonic():
                _, _, frame, to = heapq.heappop(held)
                to.send(frame)

def heal(bed, host):
    port = bed.port(host)
    sh('ip', 'link', 'del', port + 'x', check=False)
    sh('ip', 'link', 'set', port, 'nomaster')
    sh('ip', 'link', 'set', port, 'master', bed.bridge, 'up')
    bed.neighbour(host, 'flush', 'nud', 'permanent')
    for other in bed.running().keys() - {host}:
        bed.neighbour(other, 'del', str(bed.address(host)))
    bed.note(host, '-')


# ---- looking, running ----------------------------------------------------------------------

def show(bed):
    pids = bed.running()
    for h in bed.hosts:
        print(h, bed.address(h), 'up' if h in pids else 'dead', pids.get(h, '-'), (bed.state / h / 'link').read_text(), sep='\t')

def run_inside(bed, host, cmd):
    env = ['PATH=' + PATH, 'HOME=/root', 'USER=root', 'TERM=' + os.environ.get('TERM', 'dumb')]
    os.execvp('nsenter', ['nsenter', '-t', str(bed.pid(host)), '-m', '-u', '-i', '-n', '-p', 'env', '-i', *env,
                          'sh', '-c', 'cd && exec "$@"', 'sh', *(cmd or ['bash', '-l'])])

def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--prefix', default=os.environ.get('TESTBED_PREFIX', 'tb'))
    commands = a.add_subparsers(dest='command', required=True)
    p = commands.add_parser('up')
    p.add_argument('n', type=int)
    p.add_argument('--subnet', default='10.99.0.0/20')
    p.add_argument('--mesh', action='store_true')
    p.add_argument('--owner', type=int)
    many = {'+': '+', '?': '?', '.': argparse.REMAINDER}
    for line in ('down', 'list', 'kill host+', 'boot host+', 'cut host peer?', 'delay host hold', 'heal host', 'exec host cmd.', 'relay port ms', 'guard owner'):
        name, *args = line.split()
        p = commands.add_parser(name)
        for arg in args:
            p.add_argument(arg.rstrip('+?.'), nargs=many.get(arg[-1]))
    o = vars(a.parse_args())
    os.geteuid() and die('needs root')
    bed, command = Bed(o.pop('prefix')), o.pop('command')
    if command == 'relay':
        return relay(o['port'], float(o['ms']))
    if command == 'guard':
        return guard(bed, int(o['owner']))
    if command == 'up':
        owner = o.pop('owner')
        bed.define(**o)
        return up(bed, owner)
    if command == 'down':
        return down(bed)
    if not (bed.state / 'config.json').exists():
        die(f'no test bed {bed.prefix} is up')
    bed.define(**json.loads((bed.state / 'config.json').read_text()))
    for h in {*([o['host']] if isinstance(o.get('host'), str) else o.get('host', [])), o.get('peer') or 'controller'} - {*bed.hosts, 'controller'}:
        die(f'no host {h}')
    {'list': show, 'kill': kill, 'boot': boot, 'cut': cut, 'delay': delay, 'heal': heal, 'exec': run_inside}[command](bed, **o)


main()
