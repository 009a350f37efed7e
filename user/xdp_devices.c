// SPDX-License-Identifier: GPL-2.0
/* What programs at XDP know of devices, which lies in struct slots, and of VLAN devices' tags. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "tunnels.h"

static struct xdp_device *xdp_devices_map(const struct maps *maps)
{
	return slots_part_map(maps, offsetof(struct slots, devices));
}

static void xdp_devices_unmap(struct xdp_device *devices)
{
	slots_part_unmap(devices, offsetof(struct slots, devices));
}

int xdp_devices_get(const struct maps *maps, __u32 ifindex, struct xdp_device *device)
{
	struct xdp_device *devices = xdp_devices_map(maps);

	if (!devices)
		return -ENOMEM;
	*device = devices[xdp_device_slot(ifindex)];
	xdp_devices_unmap(devices);
	return device->ifindex == ifindex ? 0 : -ENOENT;
}

static struct xdp_vlan vlan_of(const struct xdp_device *device)
{
	return (struct xdp_vlan){ device->out, device->vlan_proto, device->vlan_id };
}

static int vlan_put(const struct maps *maps, const struct xdp_device *device)
{
	const struct xdp_vlan vlan = vlan_of(device);

	return device->out ? bpf_map_update_elem(maps->xdp_vlans, &vlan, &device->ifindex, BPF_ANY)
			   : 0;
}

static int vlan_delete(const struct maps *maps, const struct xdp_device *device)
{
	const struct xdp_vlan vlan = vlan_of(device);

	return device->out ? map_delete(maps->xdp_vlans, &vlan) : 0;
}

/* Never half of the old and half of the new: in between there is none. */
static void device_write(struct xdp_device *to, const struct xdp_device *device)
{
	__atomic_store_n(&to->ifindex, 0, __ATOMIC_SEQ_CST);
	memcpy((char *)to + sizeof(to->ifindex), (const char *)device + sizeof(to->ifindex),
	       sizeof(*to) - sizeof(to->ifindex));
	__atomic_store_n(&to->ifindex, device->ifindex, __ATOMIC_RELEASE);
}

/* What struct slots says of all of @devices. */
static int partials_put(const struct maps *maps, const struct xdp_device *devices)
{
	__u32 *now = slots_part_map(maps, offsetof(struct slots, partials)), partials = 0;
	size_t i;

	if (!now)
		return -ENOMEM;
	for (i = 0; i < XDP_DEVICES; i++)
		partials |= devices[i].ifindex && devices[i].flags & XDP_DEVICE_PARTIAL;
	__atomic_store_n(now, partials, __ATOMIC_RELEASE);
	slots_part_unmap(now, offsetof(struct slots, partials));
	return 0;
}

static int device_put(const struct maps *maps, struct xdp_device *devices,
		      const struct xdp_device *device)
{
	struct xdp_device *now = &devices[xdp_device_slot(device->ifindex)];
	int err;

	if (!memcmp(now, device, sizeof(*now)))
		return 0;
	if (now->ifindex && now->ifindex != device->ifindex)
		return -EADDRINUSE;
	err = vlan_delete(maps, now);
	if (err)
		return err;
	device_write(now, device);
	err = partials_put(maps, devices);
	return err ?: vlan_put(maps, device);
}

int xdp_devices_put(const struct maps *maps, const struct xdp_device *device)
{
	struct xdp_device *devices = xdp_devices_map(maps);
	int err;

	if (!devices)
		return -ENOMEM;
	err = device_put(maps, devices, device);
	xdp_devices_unmap(devices);
	return err;
}

static int device_delete(const struct maps *maps, struct xdp_device *devices, __u32 ifindex)
{
	static const struct xdp_device none;
	struct xdp_device *now = &devices[xdp_device_slot(ifindex)];
	int err;

	if (now->ifindex != ifindex)
		return 0;
	err = vlan_delete(maps, now);
	if (err)
		return err;
	device_write(now, &none);
	return partials_put(maps, devices);
}

int xdp_devices_delete(const struct maps *maps, __u32 ifindex)
{
	struct xdp_device *devices = xdp_devices_map(maps);
	int err;

	if (!devices)
		return -ENOMEM;
	err = device_delete(maps, devices, ifindex);
	xdp_devices_unmap(devices);
	return err;
}

int xdp_devices_keep_vlans(const struct maps *maps, bool (*wanted)(__u32 ifindex, void *data),
			   void *data)
{
	struct xdp_device *devices = xdp_devices_map(maps);
	int err = 0;
	size_t i;

	if (!devices)
		return -ENOMEM;
	for (i = 0; i < XDP_DEVICES && !err; i++)
		if (devices[i].out && !wanted(devices[i].ifindex, data))
			err = device_delete(maps, devices, devices[i].ifindex);
	xdp_devices_unmap(devices);
	return err;
}
