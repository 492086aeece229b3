import { HostError, type Disk, type Host, type HostFacts } from './host.ts';

/** One line a fact; the kernel tells all of them. */
const question = String.raw`
echo "hostname $(cat /proc/sys/kernel/hostname)"
echo "cores $(getconf _NPROCESSORS_ONLN)"
while read -r key value rest; do [ "$key" = MemTotal: ] && echo "memory $value"; done </proc/meminfo
for disk in /sys/block/*; do
  name=${'$'}{disk##*/}
  case $name in loop* | ram* | zram* | fd* | sr*) continue ;; esac
  read -r sectors <"$disk/size" && [ "$sectors" -gt 0 ] && read -r rotational <"$disk/queue/rotational" && echo "disk $name $sectors $rotational"
  for part in "$disk" "$disk/$name"*; do [ -e "$part/size" ] && echo "part $name ${'$'}{part##*/}"; done
done
while read -r device folder rest; do
  case $device in /dev/mapper/*) device=$(readlink -f "$device") ;; esac
  case $device in /dev/*) echo "mount ${'$'}{device#/dev/} $folder" ;; esac
done </proc/self/mounts
true
`;

const asked = new WeakMap<Host, Promise<HostFacts>>();

/** Asks a host what it is, once in the life of this process. @throws HostError */
export function factsOf(host: Host): Promise<HostFacts> {
  const known = asked.get(host);
  if (known) return known;
  const facts = host.run(question, { isQuestion: true }).then(({ stdout }) => readFacts(stdout, host));
  asked.set(host, facts);
  facts.catch(() => asked.delete(host));
  return facts;
}

function readFacts(text: string, { name, address }: Host): HostFacts {
  const lines = text.split('\n').map((line) => line.split(' '));
  const only = (key: string): string | undefined => lines.find(([first]) => first === key)?.[1];
  const all = (key: string): string[][] => lines.filter(([first]) => first === key).map(([, ...rest]) => rest);
  const [hostname, cores, memory] = [only('hostname'), Number(only('cores')), Number(only('memory'))];
  if (hostname === undefined || !(cores > 0) || !(memory > 0)) throw new HostError('REFUSED', name, `${name}: does not tell its cores and its memory: it has no Linux /proc, or no getconf`);
  const [parts, mounts] = [all('part'), all('mount')];
  const disks = all('disk').map(([disk = '', sectors, rotational]): Disk => {
    const devices = parts.filter(([of]) => of === disk).map(([, part]) => part);
    // The kernel writes blanks and the like in a path as octal escapes.
    const folders = mounts.filter(([device]) => devices.includes(device)).map(([, folder = '']) => folder.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
    return { name: disk, bytes: Number(sectors) * 512, isRotational: rotational === '1', mounts: [...new Set(folders)] };
  });
  return { address, hostname, cores, memoryBytes: memory * 1024, disks };
}
