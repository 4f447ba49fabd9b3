# Runs a command as a container would: in namespaces of its own, on a read-only root that holds the
# image and the mounted volumes, as a user without rights. Called by container.py as root.
# Arguments: root folder, host name, user, group, working folder, file of mounts, command.
set -e
root=$1 name=$2 user=$3 group=$4 workdir=$5 mounts=$6
shift 6
mount --make-rprivate /
mount -t tmpfs -o mode=755 container "$root"
mkdir "$root/usr" "$root/etc" "$root/proc" "$root/dev" "$root/tmp"
mount --rbind -o ro /usr "$root/usr"
mount --rbind -o ro /etc "$root/etc"
for top in bin sbin lib lib64; do
  if [ -L "/$top" ]; then
    cp -P "/$top" "$root/$top"
  elif [ -d "/$top" ]; then
    mkdir "$root/$top"
    mount --rbind -o ro "/$top" "$root/$top"
  fi
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
tab=$(printf '\t')
while IFS="$tab" read -r mode source target; do
  if [ -d "$source" ]; then
    mkdir -p "$root$target"
  else
    mkdir -p "$(dirname "$root$target")"
    : > "$root$target"
  fi
  mount --bind "$source" "$root$target"
  if [ "$mode" = ro ]; then mount -o remount,bind,ro "$root$target"; fi
done < "$mounts"
# READ_ONLY is what the pod asked for; the image's own folders are read-only either way.
if [ "$READ_ONLY" = yes ]; then mount -o remount,ro "$root"; fi
unset READ_ONLY
hostname "$name"
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs \
  --bounding-set=-all --pdeathsig SIGKILL sh -c 'cd "$0" && exec "$@"' "$workdir" "$@"
