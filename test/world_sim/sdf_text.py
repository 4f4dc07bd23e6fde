"""SDF text for tests: worlds, shapes and robots, as strings."""

from __future__ import annotations

from pathlib import Path

GROUND = """
<model name="ground_plane"><static>true</static><link name="link">
  <collision name="c"><geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
    <surface><friction><ode><mu>100</mu><mu2>50</mu2></ode></friction></surface></collision>
  <visual name="v"><geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
  </visual>
</link></model>"""


def world(*content: str, version: str = "1.9", ground: bool = True) -> str:
    return (
        f'<?xml version="1.0"?>\n<sdf version="{version}"><world name="test">'
        f"{GROUND if ground else ''}{''.join(content)}</world></sdf>"
    )


def shape(name: str, geometry: str, pose: str = "0 0 0 0 0 0", static: bool = True) -> str:
    """A model of one shape, touched and seen."""
    return f"""
<model name="{name}"><static>{str(static).lower()}</static><pose>{pose}</pose><link name="link">
  <collision name="c"><geometry>{geometry}</geometry></collision>
  <visual name="v"><geometry>{geometry}</geometry></visual>
</link></model>"""


def cylinder(radius: float, length: float) -> str:
    return f"<cylinder><radius>{radius}</radius><length>{length}</length></cylinder>"


def box(x: float, y: float, z: float) -> str:
    return f"<box><size>{x} {y} {z}</size></box>"


def sphere(radius: float) -> str:
    return f"<sphere><radius>{radius}</radius></sphere>"


def two_wheeler(name: str = "cart", wheel_shape: str = sphere(0.1)) -> str:
    """Two driven wheels in the middle, two frictionless casters, 10 kg, no noise."""
    caster = """
<collision name="{name}"><pose>{x} 0 0.0305 0 0 0</pose><geometry>{shape}</geometry>
  <surface><friction><ode><mu>0</mu><mu2>0</mu2></ode></friction></surface></collision>"""
    casters = caster.format(name="front", x=0.2, shape=sphere(0.03)) + caster.format(
        name="rear", x=-0.2, shape=sphere(0.03)
    )
    wheels = "".join(
        f"""
<link name="{side}"><pose>0 {y} 0.1 0 0 0</pose>
  <inertial><mass>0.5</mass><inertia><ixx>0.002</ixx><iyy>0.003</iyy><izz>0.002</izz></inertia>
  </inertial>
  <collision name="c"><pose>0 0 0 -1.5707963 0 0</pose><geometry>{wheel_shape}</geometry>
    <surface><friction><ode><mu>1</mu><mu2>1</mu2></ode></friction></surface></collision>
</link>
<joint name="{side}_joint" type="revolute"><parent>base</parent><child>{side}</child>
  <axis><xyz>0 1 0</xyz></axis></joint>"""
        for side, y in (("left", 0.2), ("right", -0.2))
    )
    return f"""
<model name="{name}">
<link name="base">
  <inertial><pose>-0.01 0 0.15 0 0 0</pose><mass>9</mass>
    <inertia><ixx>0.1</ixx><iyy>0.2</iyy><izz>0.3</izz></inertia></inertial>
  <collision name="body"><pose>0 0 0.15 0 0 0</pose><geometry>{box(0.5, 0.3, 0.15)}</geometry>
  </collision>
  <visual name="body"><pose>0 0 0.15 0 0 0</pose><geometry>{box(0.5, 0.3, 0.15)}</geometry></visual>
  {casters}
  <sensor name="imu" type="imu"><pose>0 0 0.15 0 0 0</pose><update_rate>100</update_rate></sensor>
  <sensor name="lidar" type="gpu_lidar"><pose>0.1 0 0.3 0 0 0</pose><update_rate>50</update_rate>
    <lidar><scan><horizontal><samples>360</samples><min_angle>-3.0</min_angle>
      <max_angle>3.0</max_angle></horizontal></scan><range><min>0.1</min><max>20</max></range>
    </lidar></sensor>
</link>{wheels}
<plugin filename="gz-sim-diff-drive-system" name="gz::sim::systems::DiffDrive">
  <left_joint>left_joint</left_joint><right_joint>right_joint</right_joint>
  <wheel_separation>0.4</wheel_separation><wheel_radius>0.1</wheel_radius>
  <odom_publish_frequency>50</odom_publish_frequency>
  <max_linear_velocity>2</max_linear_velocity><max_angular_velocity>4</max_angular_velocity>
  <max_linear_acceleration>20</max_linear_acceleration>
  <max_angular_acceleration>25</max_angular_acceleration>
</plugin></model>"""


def write(directory: Path, text: str, name: str = "world.sdf") -> Path:
    path = directory / name
    path.write_text(text)
    return path
