-- The rules of this project's profiles, by which OSRM reads the same extract. Which profile, and its speeds, come from
-- speeds.lua, which the test writes from the project's own tables; what is written here once more are the rules of tags,
-- so that both readings can be held against each other.

api_version = 4

local asked = require("speeds")
local speeds, walks = asked.speeds, asked.profile == "foot"

-- the most special first
local access_keys = ({
  car = { "motorcar", "motor_vehicle", "vehicle", "access" },
  truck = { "hgv", "motor_vehicle", "vehicle", "access" },
  motorbike = { "motorcycle", "motor_vehicle", "vehicle", "access" },
  foot = { "foot", "access" },
})[asked.profile]
local restricted = ({
  car = { "motorcar", "motor_vehicle" },
  truck = { "hgv", "motor_vehicle" },
  motorbike = { "motorcycle", "motor_vehicle" },
  foot = {},
})[asked.profile]

function setup()
  return {
    properties = {
      weight_name = "duration",
      process_call_tagless_node = false,
      u_turn_penalty = 0,
      continue_straight_at_waypoint = false,
      use_turn_restrictions = not walks,
      max_speed_for_map_matching = 180 / 3.6,
      left_hand_driving = false,
    },
    restrictions = restricted,
  }
end

local soft = { private = true, unknown = true, permit = true, customers = true, delivery = true, destination = true }

-- true, false, or nothing where no tag says
local function access(thing)
  for _, key in ipairs(access_keys) do
    local value = thing:get_value_by_key(key)
    if value and value ~= "" then
      if value == "no" or value == "use_sidepath" then
        return false
      end
      if not (key == "access" and soft[value]) then
        return true
      end
    end
  end
  return nil
end

local barriers = walks and {} or {
  bollard = asked.profile ~= "motorbike", block = true, cycle_barrier = true, stile = true, kissing_gate = true, turnstile = true,
  jersey_barrier = true, log = true, debris = true,
}

function process_node(profile, node, result, relations)
  local barrier = node:get_value_by_key("barrier")
  if not barrier or barrier == "" then
    return
  end
  local open = access(node)
  if open == nil then
    open = not barriers[barrier]
  end
  if not open then
    obstacle_map:add(node, Obstacle.new(obstacle_type.barrier))
  end
end

local classes = {
  road = "unclassified", living_street = "residential", bridleway = "path", pedestrian = "footway", cycleway = "footway",
}

local surfaces = {
  paved = "paved", asphalt = "paved", concrete = "paved", paving_stones = "paved", sett = "paved", cobblestone = "paved",
  metal = "paved", wood = "paved",
  gravel = "gravel", fine_gravel = "gravel", compacted = "gravel", pebblestone = "gravel", rock = "gravel",
  stone = "gravel",
  unpaved = "dirt", dirt = "dirt", earth = "dirt", ground = "dirt", grass = "dirt", clay = "dirt",
  mud = "bad", sand = "bad",
}

local grades = { grade1 = "paved", grade2 = "gravel", grade3 = "dirt", grade4 = "dirt", grade5 = "bad" }

local function surface_of(way, class)
  local value = way:get_value_by_key("surface")
  local by_surface = value and surfaces[string.match(value, "^[^:;]*")]
  local by_grade = grades[way:get_value_by_key("tracktype") or ""]
  return by_surface or by_grade or ((class == "track" or class == "path") and "dirt" or "paved")
end

function process_way(profile, way, result, relations)
  local highway = way:get_value_by_key("highway")
  if not highway or highway == "" or way:get_value_by_key("area") == "yes" then
    return
  end
  local class = string.gsub(highway, "_link$", "")
  class = classes[class] or class
  local row = speeds[class]
  local open = access(way)
  if not row or open == false then
    return
  end
  local kmh = (open and row.opened or row.plain)[surface_of(way, class)]
  if not kmh then
    return
  end
  local most = way:get_value_by_key("maxspeed") or ""
  local number, mph = string.match(most, "^%s*([%d.]+)%s*(m?p?h?)%s*$")
  number = tonumber(number)
  if number and mph == "mph" then
    number = number * 1.609344
  end
  if number and number >= 5 and number <= 200 then
    kmh = math.min(kmh, number)
  end
  result.forward_mode = mode.driving
  result.backward_mode = mode.driving
  result.forward_speed = kmh
  result.backward_speed = kmh
  if walks then
    return
  end
  local oneway = way:get_value_by_key("oneway")
  local junction = way:get_value_by_key("junction")
  local implied = class == "motorway" or junction == "roundabout" or junction == "circular"
  if oneway == "-1" or oneway == "reverse" then
    result.forward_mode = mode.inaccessible
  elseif oneway == "yes" or oneway == "true" or oneway == "1" then
    result.backward_mode = mode.inaccessible
  elseif implied and not (oneway == "no" or oneway == "false" or oneway == "0") then
    result.backward_mode = mode.inaccessible
  end
end

function process_turn(profile, turn)
  turn.duration = 0
  turn.weight = 0
end

return { setup = setup, process_way = process_way, process_node = process_node, process_turn = process_turn }
